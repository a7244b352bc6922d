"""A person made in the candidate's page, as its camera, on whom the light of that page's screen falls."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from people import photograph

from liveness.frames import Pixels

WIDTH, HEIGHT, FPS = 960, 720, 24


def camera_script(*, reacts: bool) -> str:
    """Return a script that puts a painted person in the place of the camera.

    Parameters
    ----------
    reacts
        Whether the light of the page's two halves falls on the face: the left half, as who looks at the screen sees
        it, lights the right of the picture. A recording does not react.
    """
    bgr = cv2.cvtColor(cv2.resize(photograph(), (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC), cv2.COLOR_RGB2BGR)
    jpeg: Pixels = np.asarray(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])[1], dtype=np.uint8)
    picture = base64.b64encode(jpeg.tobytes()).decode()
    return f"""(() => {{
      const W = {WIDTH}, H = {HEIGHT}, REACTS = {str(reacts).lower()}, FACE = [60, -90];
      const picture = new Image();
      picture.src = "data:image/jpeg;base64,{picture}";
      const plain = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      const grey = [200, 200, 200];
      const seen = (side) => {{
        const half = document.querySelector("liveness-challenge")?.shadowRoot?.querySelector(`.half.${{side}}`);
        const found = half && getComputedStyle(half).backgroundColor.match(/[\\d.]+/g);
        return found ? found.slice(0, 3).map(Number) : grey;
      }};
      // A fifth of the light on the face is the screen's; none of that behind it.
      const lit = (colour, share) => `rgb(${{colour.map((c) => 255 * (1 - share) + share * c).join(" ")}})`;
      const shine = (context, left, right, share) => {{
        const across = context.createLinearGradient(FACE[0] - 90, 0, FACE[0] + 90, 0);
        across.addColorStop(0, lit(right, share));
        across.addColorStop(1, lit(left, share));
        context.globalCompositeOperation = "multiply";
        context.fillStyle = across;
        context.fillRect(-W, -H, 3 * W, 3 * H);
        context.globalCompositeOperation = "source-over";
      }};
      navigator.mediaDevices.getUserMedia = async (wanted) => {{
        if (!wanted?.video) return plain(wanted);
        await picture.decode();
        const canvas = Object.assign(document.createElement("canvas"), {{ width: W, height: H }});
        const context = canvas.getContext("2d", {{ willReadFrequently: true }});
        const began = performance.now();
        const paint = () => {{
          const t = (performance.now() - began) / 1000;
          const left = REACTS ? seen("left") : grey, right = REACTS ? seen("right") : grey;
          context.fillStyle = "#8b8f94";
          context.fillRect(0, 0, W, H);
          context.save();
          context.translate(W / 2 + 9 * Math.sin(1.3 * t), H / 2 + 6 * Math.sin(0.9 * t + 1));
          context.rotate(0.03 * Math.sin(0.7 * t));
          context.beginPath();
          context.ellipse(0, 0, 300, 350, 0, 0, 7);
          context.clip();
          context.drawImage(picture, -H / 2, -H / 2, H, H);
          // Head and neck are near the screen.
          context.beginPath();
          context.ellipse(FACE[0], FACE[1], 125, 190, 0, 0, 7);
          context.clip();
          shine(context, left, right, 0.2);
          context.restore();
        }};
        paint();
        setInterval(paint, 1000 / {FPS});
        const stream = canvas.captureStream({FPS});
        if (wanted.audio) {{
          const sound = await plain({{ audio: wanted.audio }});
          for (const track of sound.getAudioTracks()) stream.addTrack(track);
        }}
        return stream;
      }};
    }})()"""
