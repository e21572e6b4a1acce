/** Reports of analyses as HTML pages, and indexes of many. */
export { writeIndex } from './index-page.ts';
export type { IndexRow } from './page-data.ts';
export { indexRowOf, type ReportOptions, writeReport } from './report-page.ts';
