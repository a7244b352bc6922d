/** What browsers have and TypeScript's own library does not know yet. */
interface DetectedFace {
  boundingBox: DOMRectReadOnly;
}
declare class FaceDetector {
  constructor(options?: { maxDetectedFaces?: number; fastMode?: boolean });
  detect(source: CanvasImageSource): Promise<DetectedFace[]>;
}
interface DocumentPictureInPicture extends EventTarget {
  requestWindow(options?: { width?: number; height?: number }): Promise<Window>;
  readonly window: Window | null;
}
interface Window {
  documentPictureInPicture?: DocumentPictureInPicture;
  FaceDetector?: typeof FaceDetector;
}
