/** What analyses can be exported as. */
export const EXPORT_FORMATS = ['npz', 'csv', 'jsonl', 'fiftyone'] as const;
/** See {@link EXPORT_FORMATS}. */
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
