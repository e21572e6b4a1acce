/**
 * The values that the parts of l2caf hand to each other: plain objects and typed arrays, no tensors, no file handles.
 * Every module may import this file; it imports nothing.
 */

/** A rational number, such as a frame rate of 30000/1001 frames per second. Both parts are positive integers. */
export interface Rational {
  readonly numerator: number;
  readonly denominator: number;
}

/** Width and height of a picture, in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of a picture, pixels from its left upper corner. */
export interface PictureRegion extends PictureSize {
  readonly x: number;
  readonly y: number;
}

/** Height and width of a feature map or filter, in cells. */
export interface GridShape {
  readonly height: number;
  readonly width: number;
}

/** How a clip is to be read, where what lies at its path does not say so. */
export interface ClipReading {
  /** Its video track, among the file's streams from 0, where one was asked for. */
  readonly track?: number;
  /** Of a folder of pictures: how many are shown per second, where that was asked for. */
  readonly fps?: number;
  /** Of a folder of pictures: a table (CSV) that says when each is shown, where one was given. */
  readonly times?: string;
}

/**
 * What a probe found out about a video file, or a folder of pictures. Sizes are those of the picture as shown, rotated and
 * with square pixels.
 */
export interface VideoClip extends PictureSize, ClipReading {
  readonly path: string;
  /** What was probed, and its state then: what is read later must be the same. See `identityOf`. */
  readonly identity: string;
  /** Average frame rate, frames per second; exact for constant-rate video. */
  readonly frameRate: Rational;
  /** Length of the video stream, seconds. */
  readonly durationSec: number;
  /** Clockwise rotation that a player applies before showing the picture; `width` and `height` include it. */
  readonly rotationDeg: 0 | 90 | 180 | 270;
  readonly hasAudio: boolean;
  /** ffmpeg's name of the stored pixel format, e.g. `yuv420p` or `yuv422p10le`. */
  readonly pixelFormat: string;
  /** The part of the picture that networks are shown, pixels of the picture as shown; absent: all of it. */
  readonly crop?: PictureRegion;
  /** Parts of the picture that networks are not shown, pixels of the picture as shown: they are filled from around. */
  readonly hidden?: readonly PictureRegion[];
  /** What a person should know about the file, in words. */
  readonly notes?: readonly string[];
}

/** Time span `[startSec, endSec)` of a clip, in seconds from the clip's first timestamp. */
export interface TimeSpan {
  readonly startSec: number;
  readonly endSec: number;
}

/** Numbers that were recorded beside the pictures of a clip, such as a steering angle. */
export interface RecordedSignals {
  /** What each of them is called; no name twice. */
  readonly names: readonly string[];
  /** When they were recorded, seconds from the start of the clip, increasing; length n. */
  readonly timesSec: readonly number[];
  /** Per name, n values; NaN where none was recorded. */
  readonly values: readonly (readonly number[])[];
}

/** Decoded frames: `rgb` holds `t·h·w·3` bytes, row by row, red first. */
export interface FrameBatch {
  readonly rgb: Uint8Array;
  /** `[t, h, w, 3]` */
  readonly shape: readonly [number, number, number, 3];
  /** The real presentation time of each frame, seconds from the start of the file; length t. */
  readonly timestampsSec: readonly number[];
}

/**
 * Why a solver stopped: `converged` (its stop rule held), `max-iterations` (it ran out of them first), `exact` (closed
 * form, no iteration needed), `no-effect` (no filter changes the output: this one has equal cells, and any would do).
 */
export type SolverStatus = 'converged' | 'max-iterations' | 'exact' | 'no-effect';

/** One attention filter, the result of L2-CAF for one frame (paper, Sec. 3). */
export interface AttentionFilter extends GridShape {
  /** Signed, constrained (unit L2 norm unless another constraint was asked for); `height·width` values, row by row. */
  readonly values: Float32Array;
  /** The objective at `values`. */
  readonly loss: number;
  /** Iterations of the solver; 0 for a closed form. */
  readonly iterations: number;
  readonly status: SolverStatus;
  /** Loss before the first step, then every `checkEvery` iterations of gradient descent or every step of Gauss–Newton. */
  readonly lossHistory: readonly number[];
  /** When a trace was asked for: the filter at every entry of `lossHistory`. */
  readonly trace?: readonly Float32Array[];
  /** When several starts were asked for: where each ended, in order. */
  readonly starts?: readonly StartOutcome[];
}

/** Where a solver ended from one of several starting points. */
export interface StartOutcome {
  readonly loss: number;
  /** Pearson correlation of its filter with the best one. */
  readonly correlation: number;
}

/** A filter made ready to show: values in [0, 1], row by row, at any resolution. */
export interface Heatmap extends GridShape {
  readonly values: Float32Array;
  /** The value that became 0 and the one that became 1, so that the scale is not lost. */
  readonly min: number;
  readonly max: number;
  /** How visible it is drawn, 0 to 1; absent: fully. */
  readonly opacity?: number;
}

/** How far a long piece of work has come. `total` is absent while it is unknown. */
export interface Progress {
  /** What is being done, e.g. `rendering`. */
  readonly stage: string;
  readonly done: number;
  readonly total?: number;
  /** What is counted, e.g. `frames` or `bytes`. */
  readonly unit: string;
}

/** Told about the progress of long work; must return quickly and not throw. */
export type ProgressListener = (progress: Progress) => void;

/** Which points of a heatmap lie in a region: 1 inside, 0 outside, row by row. */
export interface RegionMask extends GridShape {
  readonly values: Uint8Array;
}

/** A part of a picture that counts for nothing: a rectangle, or a mask that is stretched over the picture. */
export type IgnoredPart = PictureRegion | RegionMask;
