/** What the HTML pages get to know: plain values, shared by the side that writes a page and the side that shows it. */
import type { GridShape } from '../base/types.ts';

/** One event in an index. Paths are relative to the index, with `/` between folders. */
export interface IndexRow {
  /** Names the event; shown as the link to its report. */
  readonly id: string;
  readonly label?: string;
  readonly split?: string;
  /** What became of it, in a word: `done`, `failed`, … */
  readonly status: string;
  /** Why it failed, one line. */
  readonly error?: string;
  /** The video's file, and the span of it; absent when its analysis cannot be read. */
  readonly video?: string;
  readonly startSec?: number;
  readonly endSec?: number;
  /** Mean final loss of the frames. */
  readonly loss?: number;
  /** Greatest temporal importance of a frame. */
  readonly importance?: number;
  /** Whether its maps are to be believed, in words. */
  readonly verdict?: string;
  /** The likeliest class, where classes are to be believed; `place`: among the labels of the network, which gives its colour. */
  readonly best?: { readonly label: string; readonly probability: number; readonly place?: number };
  /** A small picture: its path, or a `data:image/` address. */
  readonly thumbnail?: string;
  /** Path of its report. */
  readonly report?: string;
  /** Paths of the other files that were made of it, such as its analysis and its video. */
  readonly files?: readonly string[];
  /** Further columns, by name. */
  readonly extra?: Readonly<Record<string, string | number>>;
}

/** What an index shows. */
export interface IndexData {
  readonly title: string;
  readonly rows: readonly IndexRow[];
  /** What is wrong with rows of the list that were left out, one line each. */
  readonly leftOut?: readonly string[];
}

/** An event on a map, and what an index would tell of it. */
export interface MapPoint extends IndexRow {
  /** Where it lies, in the units of the projection. */
  readonly x: number;
  readonly y: number;
}

/** What a map of events shows. */
export interface MapData {
  readonly title: string;
  /** How it was made, in a sentence. */
  readonly caption: string;
  /** What the axes mean. */
  readonly axes: readonly [x: string, y: string];
  readonly points: readonly MapPoint[];
  /** The classes of the network, in the order of their colours; none where it has none or they are not known. */
  readonly classes?: readonly string[];
}

/** What a report shows. */
export interface ReportData {
  readonly title: string;
  /** The analysis document without traces: JSON, compressed with gzip, in base64. */
  readonly analysis: string;
  /** The segment without an overlay: an MP4 file in base64, or one beside the page. */
  readonly video:
    | { readonly kind: 'embedded'; readonly base64: string }
    | { readonly kind: 'file'; readonly path: string };
  readonly frames: VideoFrames;
  readonly pictures: readonly FramePicture[];
  /** What to know before trusting the numbers: the document's warnings, and that of ignored attention. */
  readonly warnings: readonly string[];
  /** Parts of the picture that count for nothing, as `--ignore` takes them; of a picture, a name in its place. */
  readonly ignoredParts?: readonly string[];
  /** Points of the heatmaps that count for nothing: 1 there, 0 elsewhere, row by row. */
  readonly ignored?: GridShape & { readonly values: readonly number[] };
}

/** The frames of the report's video. */
export interface VideoFrames {
  /** Real time of the first, seconds from the start of the clip. */
  readonly startSec: number;
  /** Microseconds from each frame to the next, real times. */
  readonly stepsUs: readonly number[];
  /** Seconds that each is shown in the report's video; absent where they are shown for as long as in the clip. */
  readonly constantStepSec?: number;
}

/** A sampled frame as a picture. */
export interface FramePicture {
  /** Position among the frames of the analysis. */
  readonly frame: number;
  /** A JPEG file in base64. */
  readonly jpeg: string;
}
