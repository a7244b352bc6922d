/**
 * The interviewer's side. How a challenge goes on comes as `challenge` of a VerdictStream.
 *
 * @example
 * const challenges = new Challenges({ server, session, token });
 * const { available } = await challenges.list();
 * const running = await challenges.start({ challenge: available[0].name });
 * await challenges.cancel(running.id);
 */
export class Challenges {
    /** @param {{server?: string, session: string, token: string, lang?: string}} options token: the viewer's, or a key; lang: the page's if left out */
    constructor({ server, session, token, lang }: {
        server?: string;
        session: string;
        token: string;
        lang?: string;
    });
    /** What was asked so far, and what can be asked. */
    list(): Promise<{
        challenges: Challenge[];
        available: AvailableChallenge[];
    }>;
    /**
     * Start one. The candidate's page shows it, or the interviewer reads its `aloud` to them.
     *
     * @param {{challenge?: string, mode?: import("./wire.js").ChallengeMode}} [options] challenge: the recommended one if left out
     */
    start({ challenge, mode }?: {
        challenge?: string;
        mode?: import("./wire.js").ChallengeMode;
    }): Promise<import("./wire.js").Challenge>;
    /** @param {string} id */
    cancel(id: string): Promise<void>;
    #private;
}
