/** Events: `connected`, `lost` (detail: reason), `message` (detail: text). Nothing comes after `lost`. */
export class Connection extends EventTarget {
    /** @param {{track: MediaStreamTrack, token: string, iceServers: RTCIceServer[]}} options */
    constructor({ track, token, iceServers }: {
        track: MediaStreamTrack;
        token: string;
        iceServers: RTCIceServer[];
    });
    peer: RTCPeerConnection;
    channel: RTCDataChannel;
    sender: RTCRtpSender;
    /**
     * @param {{endpoint: string, maxFps: number | null, signal: AbortSignal}} options
     */
    open({ endpoint, maxFps, signal }: {
        endpoint: string;
        maxFps: number | null;
        signal: AbortSignal;
    }): Promise<void>;
    /** @param {string} text @returns {boolean} whether it could be sent */
    send(text: string): boolean;
    /**
     * @param {{keepalive?: boolean, known?: boolean}} [options] known: the service has ended it and need not be told
     * @returns {Promise<void>}
     */
    close({ keepalive, known }?: {
        keepalive?: boolean;
        known?: boolean;
    }): Promise<void>;
    #private;
}
