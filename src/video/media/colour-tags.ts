/**
 * Colours of a video as its file states them: carried over to what is written, and converted where clips that state
 * different ones stand in one video.
 */

/** Names of ffmpeg's colour properties as the file states them; a property that it does not state is absent. */
export interface ColourTags {
  readonly matrix?: string;
  readonly primaries?: string;
  readonly transfer?: string;
  readonly range?: string;
}

/** The tags of the source, so that players show the same colours; the range is always made limited. */
export function colourOptions(colour: ColourTags): string[] {
  const tags = Object.entries(CARRIED_TAGS).flatMap(([property, { option, values }]) => {
    const value = colour[property as keyof typeof CARRIED_TAGS];
    return value !== undefined && (values as readonly string[]).includes(value) ? [option, value] : [];
  });
  return [...tags, ...(colour.range === undefined ? [] : ['-color_range', 'tv'])];
}

/** The values that ffmpeg accepts under the name by which it reports them; rarer ones and nonsense are left out. */
const CARRIED_TAGS = {
  matrix: { option: '-colorspace', values: ['bt709', 'smpte170m', 'bt470bg', 'smpte240m', 'bt2020nc'] },
  primaries: {
    option: '-color_primaries',
    values: ['bt709', 'smpte170m', 'bt470bg', 'smpte240m', 'bt2020', 'smpte432'],
  },
  transfer: {
    option: '-color_trc',
    values: ['bt709', 'smpte170m', 'smpte240m', 'iec61966-2-1', 'bt2020-10', 'smpte2084', 'arib-std-b67'],
  },
} as const satisfies Record<string, { option: string; values: readonly string[] }>;

/** Options of `scale` that give a panel the range and matrix of the video, whose tags are those of the first panel. */
export function colourConversion(from: ColourTags, to: ColourTags): string {
  const [own, wanted] = [scaleMatrixOf(from), scaleMatrixOf(to)];
  const matrix = own === wanted ? '' : `:in_color_matrix=${own}:out_color_matrix=${wanted}`;
  return `${from.range === 'pc' ? ':in_range=pc:out_range=tv' : ''}${matrix}`;
}

/** What `scale` calls the matrix of a video; one that is not stated is BT.601, which players assume. */
export function scaleMatrixOf({ matrix }: ColourTags): string {
  return SCALE_MATRICES[matrix ?? ''] ?? 'bt601';
}

/** What `scale` calls the matrices that are not BT.601. */
const SCALE_MATRICES: Readonly<Record<string, string>> = {
  bt709: 'bt709',
  smpte240m: 'smpte240m',
  bt2020nc: 'bt2020',
};
