/**
 * @typedef {"idle" | "joining" | "alone" | "connecting" | "talking" | "interrupted" | "replaced" | "refused" | "over" | "left"} RoomState
 */
/**
 * A room for two. The viewer offers when the other is there; a clash is settled by perfect negotiation (the publisher yields).
 *
 * Events: `statechange` {state}, `remotestream` MediaStream (again when a call begins anew), `peercamera` {on} (the other's camera was
 * switched off or on: a track that is switched off arrives as a black picture and tells nobody why), `bye` (the other hung up).
 */
export class Room extends EventTarget {
    /** @param {{server?: string, session: string, token: string}} options */
    constructor({ server, session, token }: {
        server?: string;
        session: string;
        token: string;
    });
    /** @type {RoomState} */
    state: RoomState;
    /** Whether the other's camera is on, as far as they said. */
    peerCamera: boolean;
    /**
     * Join, with one's own camera and microphone or without.
     *
     * @param {MediaStream | null} local
     */
    join(local: MediaStream | null): void;
    /** @param {MediaStream | null} local other or more tracks to send from now on */
    setStream(local: MediaStream | null): Promise<void>;
    /** Tell the other whether one's own camera is on; kept for a call that begins anew. @param {boolean} on */
    tellCamera(on: boolean): void;
    /** Hang up; the other is told. */
    leave(): void;
    #private;
}
export type RoomState = "idle" | "joining" | "alone" | "connecting" | "talking" | "interrupted" | "replaced" | "refused" | "over" | "left";
