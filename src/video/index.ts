/** Videos and what is drawn over them: probing, sampling, decoding; contours, strips, ribbons. No network is needed. */
export type { IgnoredPart, PictureRegion, RegionMask } from '../base/types.ts';
export type { DrawnBox, DrawnBoxes } from './drawing/boxes.ts';
export { type ContourLines, contourLines, type Point, type Ring } from './drawing/contour.ts';
export type { LabelledSpan } from './drawing/event-lanes.ts';
export { frameCanvas } from './drawing/frame-canvas.ts';
export type { NormalizeMode } from './drawing/keyframes.ts';
export { type Area, type DrawnPicture, drawContours, drawHeatmap } from './drawing/overlay.ts';
export type { FigureFormat } from './drawing/panel.ts';
export { maskOfParts } from './drawing/regions.ts';
export { type DrawnMap, drawStrip, type StripCell, type StripContent } from './drawing/strip.ts';
export {
  COLORMAP_NAMES,
  type ColormapName,
  type OverlayStyle,
  SCENE_LAYOUTS,
  type SceneLayout,
} from './drawing/style.ts';
export { findBars } from './media/bars.ts';
export type { ColourTags } from './media/colour-tags.ts';
export type { CropWish, HideWish, PictureWish } from './media/crop.ts';
export { FrameTroubles } from './media/damage.ts';
export type { DecodeOptions } from './media/decode.ts';
export type { PictureScale, RenderedVideo } from './media/encode.ts';
export { type FrameList, listFrames } from './media/frame-list.ts';
export { findOverlays } from './media/overlays.ts';
export type { Packet, PacketList } from './media/packets.ts';
export { type PictureFile, readMask, readPicture } from './media/picture.ts';
export type { FolderPicture, PictureFolder } from './media/picture-folder.ts';
export type { PictureFormat } from './media/picture-format.ts';
export type { FrameClock, Reading, StreamDetails } from './media/probe.ts';
export { probeClip } from './media/probe.ts';
export { framesAt, resolveSpan, type SampleOptions, type ShownFrames, sampleFrames } from './media/sample.ts';
