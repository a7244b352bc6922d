"""How many calls a machine bears: real WebRTC senders, the real media workers, and a naive server to compare with."""
