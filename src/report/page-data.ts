/** What the HTML pages get to know: plain values, shared by the side that writes a page and the side that shows it. */

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
  /** The video's file. */
  readonly video: string;
  readonly startSec: number;
  readonly endSec: number;
  /** Mean final loss of the frames. */
  readonly loss?: number;
  /** Greatest temporal importance of a frame. */
  readonly importance?: number;
  /** A small picture: its path, or a `data:image/` address. */
  readonly thumbnail?: string;
  /** Path of its report. */
  readonly report?: string;
  /** Further columns, by name. */
  readonly extra?: Readonly<Record<string, string | number>>;
}

/** What an index shows. */
export interface IndexData {
  readonly title: string;
  readonly rows: readonly IndexRow[];
}

/** What a report shows. */
export interface ReportData {
  readonly title: string;
}
