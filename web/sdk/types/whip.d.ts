/**
 * @typedef {object} WhipResource
 * @property {string} url
 * @property {string} answer
 * @property {string | null} etag
 */
/**
 * @param {string} endpoint
 * @param {{token: string, offer: string, signal?: AbortSignal}} options
 * @returns {Promise<WhipResource>}
 */
export function openResource(endpoint: string, { token, offer, signal }: {
    token: string;
    offer: string;
    signal?: AbortSignal;
}): Promise<WhipResource>;
/**
 * End a connection. Never throws: a connection that is gone is what was wanted.
 *
 * @param {string} url
 * @param {{token: string, keepalive?: boolean}} options keepalive: also when the page is being left
 */
export function closeResource(url: string, { token, keepalive }: {
    token: string;
    keepalive?: boolean;
}): Promise<void>;
/**
 * Wait until all candidates are gathered, or the time is up: what is there then must do.
 *
 * @param {RTCPeerConnection} peer
 * @param {number} mostMs
 * @returns {Promise<void>}
 */
export function gathered(peer: RTCPeerConnection, mostMs: number): Promise<void>;
export type WhipResource = {
    url: string;
    answer: string;
    etag: string | null;
};
