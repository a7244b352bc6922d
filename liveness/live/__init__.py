"""The live call: media workers, one process a core, each with WebRTC termination, decoding and the engine inside."""
