/** What names of columns mean: those that are understood, and those that must not be passed over. */
import { describe, expect, it } from 'vitest';
import { assignColumns } from '../../src/events/columns.ts';

/** The columns with a meaning, `role=name`, with the unit if it is not seconds. */
function meaning(...names: readonly string[]): string {
  const { roles, problems } = assignColumns(names);
  expect(problems).toEqual([]);
  const entries = [...roles].map(([role, { name, unit }]) => `${role}=${name}${unit === 'seconds' ? '' : ` ${unit}`}`);
  return entries.sort().join(', ');
}

function problems(...names: readonly string[]): string {
  return assignColumns(names).problems.join('\n');
}

describe('columns', () => {
  it.each([
    ['start_time', 'end_time'],
    ['Start (s)', 'Stop (s)'],
    ['BEGIN', 'FINISH'],
    ['onset', 'offset'],
    ['t0', 't1'],
    ['from', 'to'],
    ['startSec', 'endSec'],
    ['event start', 'event-end'],
    ['Begin Time - hh:mm:ss.ms', 'End Time - ss.msec'],
    ['start [m:ss]', 'until'],
    ['timeStart', 'timeEnd'],
    ['tmin', 'tmax'],
    ['clip_start_timestamp', 'clip_end_timestamp'],
  ])('say when an event is: %s, %s', (start, end) => {
    expect(meaning('video', start, end)).toBe(`end=${end}, start=${start}, video=video`);
  });
  it.each([
    ['start_ms', 'milliseconds'],
    ['Start [msec]', 'milliseconds'],
    ['onset (µs)', 'microseconds'],
    ['begin_ns', 'nanoseconds'],
    ['start (min)', 'minutes'],
    ['start_mins', 'minutes'],
    ['startMs', 'milliseconds'],
    ['ms_start', 'milliseconds'],
    ['from, hours', 'hours'],
  ])('state their unit: %s', (name, unit) => {
    expect(meaning('video', name, 'end')).toBe(`end=end, start=${name} ${unit}, video=video`);
  });
  it.each([
    ['File', 'Class'],
    ['clip_path', 'category'],
    ['filename', 'action'],
    ['media', 'event type'],
    ['Video File', 'Behaviour'],
  ])('say the video and the label: %s, %s', (video, label) => {
    expect(meaning(video, 'start', 'end', label)).toBe(`end=end, label=${label}, start=start, video=${video}`);
  });
  it('say the id: a name does where nothing else is the id', () => {
    expect(meaning('event_id', 'name', 'video')).toBe('id=event_id, video=video');
    expect(meaning('name', 'video')).toBe('id=name, video=video');
  });
  it('keep what they do not know, whatever it is called', () => {
    const names = [
      'constructor',
      '__proto__',
      'toString',
      'weekend',
      'gender',
      'time_of_day',
      'tags',
      'num_frames',
      'frame_rate',
    ];
    expect(assignColumns(['video', ...names])).toMatchObject({ extra: names, problems: [] });
    expect(assignColumns(['video', 'start', 'end', 'created_time', 'start_frame', 'duration']).problems).toEqual([]);
  });
  it.each([
    [['start', 'begin'], /"start" and "begin" both say the start/],
    [['label', 'class'], /"label" and "class" both say the label/],
    [['file', 'clip'], /"video" and "file" both say the video/],
    [
      ['start_frame', 'end_frame'],
      /"start_frame" counts frames: state the start in seconds, in a column called start\n.*end/,
    ],
    [['FrameStart'], /"FrameStart" counts frames/],
    [['offset'], /"offset" may say a start or an end/],
    [['Offset (ms)'], /"Offset \(ms\)" may say a start or an end/],
    [['t_begin_ticks'], /"t_begin_ticks" looks like a time: call it start/],
    [['start (ticks)', 'end (ticks)'], /"start \(ticks\)" looks like a time/],
    [['timestamp'], /"timestamp" looks like a time/],
    [['segment'], /"segment" looks like a time/],
    [['start', 'end', 'true_label'], /"true_label" looks like a label: call it label/],
    [['type'], /"type" looks like a label/],
  ])('are refused where they could mean more: %j', (names, message) => {
    expect(problems('video', ...names)).toMatch(message);
  });
});
