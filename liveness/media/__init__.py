"""PyAV: a recording, a picture or a live ``av.VideoFrame`` becomes frames with media time."""

from liveness.media.frame import MediaFrame
from liveness.media.picture import is_picture, read_picture
from liveness.media.recording import MediaInfo, Recording
from liveness.media.sound import AUDIO_RATE

__all__ = ["AUDIO_RATE", "MediaFrame", "MediaInfo", "Recording", "is_picture", "read_picture"]
