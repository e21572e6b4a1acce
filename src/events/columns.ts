/**
 * What the columns of a list mean. People call them start, Start (s), begin_time, onset or t0: such names are understood,
 * with their units. A name that could be meant but is not understood is an error, because passing over it would have whole
 * videos analyzed in place of events, or events without their labels. All other columns are kept as they are.
 */

import { bareName, wordsOfName } from '../base/column-names.ts';

/** What a column can say about an event. */
export type Role = 'id' | 'video' | 'start' | 'end' | 'duration' | 'label' | 'split';

/** The unit of a column of times; `seconds` includes clock times, `1:02.5`. */
export type TimeUnit = 'seconds' | 'milliseconds' | 'microseconds' | 'nanoseconds' | 'minutes' | 'hours';

/** A column with a meaning. */
export interface RoleColumn {
  /** As the list spells it. */
  readonly name: string;
  readonly unit: TimeUnit;
}

/** The columns of a list. */
export interface Columns {
  readonly roles: ReadonlyMap<Role, RoleColumn>;
  /** Those that are kept. */
  readonly extra: readonly string[];
  /** Why the columns cannot be used. */
  readonly problems: readonly string[];
}

/** Spellings, without upper case, spaces and signs. A time may have one of {@link TIME_PREFIX}, `time` and a unit as well. */
const WORDS: Readonly<Record<Role, string>> = {
  id: 'id|ids|eventid|annotationid|segmentid|identifier|uid',
  video: 'videos?|(?:video|media|clip)(?:file|filename|name|path|url)|clips?|media|files?|filename|filepath|path|movie',
  start: 'start|starts|begin|begins|beginning|onset|from|in|t0|tstart|tbegin|tmin',
  end: 'end|ends|stop|stops|finish|offset|to|until|till|out|t1|tend|tstop|tmax',
  duration: 'duration|durations|dur',
  label:
    'labels?|(?:class|category|event|action)(?:es|ies|s)?|(?:class|category|event|action)(?:label|name|type)|labelname|' +
    'eventclass|activity|annotation|maneuver|manoeuvre|behaviou?r',
  split: 'splits?|subset|partition',
};

const TIME_PREFIX = '(?:event|clip|segment|annotation|action)?';

/** The units that names state. */
const UNITS: readonly (readonly [TimeUnit | 'frames', string])[] = [
  ['seconds', 's|secs?|seconds?|ss|ssmsec|ssms|(?:h{1,2}m{1,2}s{1,2}|m{1,2}ss|minsecs?)(?:f{3,}|ms|msec|s+)?|clock'],
  ['milliseconds', 'ms|msecs?|millis|milliseconds?|millisecs?'],
  ['microseconds', '[uμ]s|[uμ]secs?|micros|microseconds?|microsecs?'],
  ['nanoseconds', 'ns|nsecs?|nanos|nanoseconds?'],
  ['minutes', 'mins?|minutes?'],
  ['hours', 'hrs?|hours?'],
  ['frames', 'frames?|fr|frm|frame(?:number|num|no|nr|id|index|idx)|(?:h{1,2}m{1,2}s{1,2}ff)'],
];
const UNIT = UNITS.map(([, words]) => words).join('|');

const ROLES = Object.entries(WORDS).map(([role, words]) => {
  const isTime = role === 'start' || role === 'end' || role === 'duration';
  const pattern = isTime
    ? `^${TIME_PREFIX}(?<before>frames?|ms|msec)?(?:time|timestamp|t)?(?:${words})(?:time|timestamp|point|at)?(?<after>${UNIT})?$`
    : `^(?:${words})$`;
  return [role as Role, new RegExp(pattern)] as const;
});

/** Understood only where no other column has the role: these words mean many things. */
const FALLBACKS: readonly (readonly [Role, RegExp])[] = [['id', /^(?:name|eventname)$/]];

/** Words in names that are not understood, but look as if they stated a time, or a label. */
const LIKE_A_TIME =
  /^(?:start|starting|begin|beginning|began|onset|end|ending|stop|finish|offset|duration|length|time|timestamp|timecode|timespan|span|interval|segment|range|frame|sec|second|ms|msec|millisecond|minute)(?:s|ed)?\d*$/;
const LIKE_A_LABEL =
  /^(?:label|class|category|event|action|activity|annotation|type|kind|tag|behaviou?r|maneuver|manoeuvre)\d*$/;
/** Common names that do not say when an event is. */
const NO_TIME =
  /^(?:timeofday|timezone|(?:video)?frames?(?:rate|size|height|width|count)|(?:n|num|number|total)(?:of)?frames)$/;

/** Finds out what columns mean, by their names. */
export function assignColumns(names: readonly string[]): Columns {
  const roles = new Map<Role, RoleColumn>();
  const problems: string[] = [];
  const frames: { role: Role; name: string }[] = [];
  const claim = (role: Role, name: string, unit: TimeUnit): void => {
    const other = roles.get(role);
    if (other === undefined) roles.set(role, { name, unit });
    else
      problems.push(`the columns "${other.name}" and "${name}" both say the ${role}: rename the one that is not meant`);
  };
  for (const name of names) {
    const [role, unit] = meaningOf(name) ?? [];
    if (unit === 'frames') frames.push({ role: role!, name });
    else if (role !== undefined) claim(role, name, unit!);
  }
  for (const [role, pattern] of FALLBACKS) {
    const found = names.filter((name) => pattern.test(bareName(name)));
    if (!roles.has(role)) for (const name of found) claim(role, name, 'seconds');
  }
  for (const { role, name } of frames) {
    if (roles.has(role) || (role === 'duration' && roles.has('end'))) continue;
    problems.push(`the column "${name}" counts frames: state the ${role} in seconds, in a column called ${role}`);
  }
  const endName = roles.get('end')?.name;
  if (endName !== undefined && bareName(endName).startsWith('offset') && !roles.has('start')) {
    problems.push(`the column "${endName}" may say a start or an end: call it start or end`);
  }
  if (endName !== undefined) roles.delete('duration'); // it says nothing new
  const taken = new Set([...roles.values()].map(({ name }) => name));
  const extra = names.filter((name) => !taken.has(name));
  const unknown = extra.filter((name) => meaningOf(name) === undefined);
  return { roles, extra, problems: [...problems, ...suspicious(unknown, roles)] };
}

/** The columns without a meaning that look as if they should have one. */
function suspicious(unknown: readonly string[], roles: ReadonlyMap<Role, RoleColumn>): string[] {
  const hasTimes = roles.has('start') && (roles.has('end') || roles.has('duration'));
  return unknown.flatMap((name) => {
    const words = wordsOfName(name);
    if (!hasTimes && !NO_TIME.test(bareName(name)) && words.some((word) => LIKE_A_TIME.test(word))) {
      return [
        `the column "${name}" looks like a time: call it start, end or duration (start_ms for milliseconds), or otherwise if it is none`,
      ];
    }
    if (!roles.has('label') && words.some((word) => LIKE_A_LABEL.test(word))) {
      return [`the column "${name}" looks like a label: call it label, or otherwise if it is none`];
    }
    return [];
  });
}

function meaningOf(name: string): readonly [Role, TimeUnit | 'frames'] | undefined {
  const key = bareName(name);
  for (const [role, pattern] of ROLES) {
    const match = pattern.exec(key);
    if (match === null) continue;
    const { before, after } = match.groups ?? {};
    const stated = [before, after].filter((unit) => unit !== undefined);
    const units = stated.map((unit) => UNITS.find(([, words]) => new RegExp(`^(?:${words})$`).test(unit))![0]);
    return [role, units.find((unit) => unit !== 'seconds') ?? 'seconds'];
  }
  return undefined;
}
