/**
 * The ribbon: what the analysis found over time, as small plots on the video's time axis, under a scrubber. Rows as in the
 * rendered video; the names on the left state the values at the time shown.
 */
import type uPlot from 'uplot';
import type { TimeSpan } from '../../base/types.ts';
import type { EventLanes } from '../../video/drawing/event-lanes.ts';
import { isInside, spansAround } from '../../video/drawing/keyframes.ts';
import type { RibbonContent, RibbonSample } from '../../video/drawing/ribbon-rows.ts';
import { element, formatTime } from './dom.ts';
import { axis, type PlotGroup } from './plots.ts';
import { type Row, rowsOf } from './ribbon-rows.ts';

/** The time axis. */
export interface RibbonAxis {
  readonly span: TimeSpan;
  readonly gaps: readonly TimeSpan[];
}

/** The plots and the scrubber. */
export class Ribbon {
  readonly element: HTMLElement;
  readonly #time: RibbonAxis;
  readonly #samples: readonly RibbonSample[];
  readonly #cells: readonly TimeSpan[];
  readonly #rows: readonly Row[];
  readonly #values: HTMLElement[][] = [];
  readonly #events: EventLanes | undefined;
  readonly #eventValue = element('span', { class: 'value' });
  readonly #scrubber: HTMLElement;
  readonly #playhead = element('div', { class: 'playhead', 'aria-hidden': 'true' });

  /** @param onSeek told the time to go to, seconds from the start of the clip */
  constructor(content: RibbonContent, time: RibbonAxis, plots: PlotGroup, onSeek: (timeSec: number) => void) {
    this.#time = time;
    this.#samples = content.samples;
    this.#events = content.events;
    this.#cells = spansAround(content.samples, time.span, time.gaps);
    this.#rows = rowsOf(content, this.#cells);
    const { startSec, endSec } = time.span;
    this.#scrubber = element('div', {
      class: 'scrubber',
      role: 'slider',
      tabindex: 0,
      'aria-label': 'Time',
      'aria-valuemin': startSec.toFixed(3),
      'aria-valuemax': endSec.toFixed(3),
    });
    this.element = element('div', { class: 'ribbon' }, this.#track());
    if (content.events) this.element.append(...this.#eventLine(content.events));
    for (const row of this.#rows) this.element.append(...this.#line(row, plots));
    this.#scrubber.append(this.#playhead);
    this.element.append(this.#scrubber);
    this.#scrubber.addEventListener('pointerdown', (event) => {
      this.#scrubber.setPointerCapture(event.pointerId);
      onSeek(this.#timeUnder(event));
    });
    this.#scrubber.addEventListener('pointermove', (event) => {
      if (this.#scrubber.hasPointerCapture(event.pointerId)) onSeek(this.#timeUnder(event));
    });
  }

  /** The sample that stands for a time; undefined in a gap. */
  sampleAt(timeSec: number): number | undefined {
    const sample = this.#cells.findIndex((cell) => isInside([cell], timeSec));
    return sample < 0 ? undefined : sample;
  }

  /** Moves the scrubber, and states the values of the sample that stands for this time. */
  show(timeSec: number): void {
    this.#playhead.style.left = `${100 * this.#shareOf(timeSec)}%`;
    this.#scrubber.setAttribute('aria-valuenow', timeSec.toFixed(3));
    this.#scrubber.setAttribute('aria-valuetext', formatTime(timeSec));
    this.#showEvents(timeSec);
    const sample = this.sampleAt(timeSec);
    for (const [k, row] of this.#rows.entries()) {
      for (const [i, { read }] of row.names.entries()) {
        const value = sample === undefined ? undefined : read(sample, timeSec);
        this.#values[k]![i]!.textContent = value === undefined ? '–' : row.format(value);
      }
    }
  }

  /** The upper edge: sampled moments and gaps. */
  #track(): HTMLElement {
    const track = element('div', { class: 'track', 'aria-hidden': 'true' });
    for (const { startSec, endSec } of this.#time.gaps) {
      const gap = element('div', { class: 'gap' });
      gap.style.left = `${100 * this.#shareOf(startSec)}%`;
      gap.style.width = `${100 * (this.#shareOf(endSec) - this.#shareOf(startSec))}%`;
      track.append(gap);
    }
    for (const { timestampSec } of this.#samples.length <= MAX_TICKS ? this.#samples : []) {
      const tick = element('div', { class: 'tick' });
      tick.style.left = `${100 * this.#shareOf(timestampSec)}%`;
      track.append(tick);
    }
    return track;
  }

  /** Labelled events as blocks, and the labels at the time shown. */
  #eventLine({ blocks, lanes, hidden }: EventLanes): HTMLElement[] {
    const more = hidden.length > 0 ? [element('div', { class: 'name' }, `and ${hidden.length} more`)] : [];
    const name = element(
      'div',
      { class: 'name' },
      element('span', { class: 'kind' }, lanes > 1 ? 'events' : 'event'),
      this.#eventValue,
    );
    const description = blocks.map((b) => `${b.label} ${formatTime(b.startSec)} to ${formatTime(b.endSec)}`).join(', ');
    const line = element('div', { class: 'events', role: 'img', 'aria-label': `labelled events: ${description}` });
    line.style.setProperty('--lanes', String(lanes));
    for (const { label, startSec, endSec, roomEndSec, lane, color } of blocks) {
      const text = element('span', { class: 'event-label' }, label);
      const block = element('div', { class: 'event' }, text);
      const [left, right] = [this.#shareOf(startSec), this.#shareOf(endSec)];
      Object.assign(block.style, { left: `${100 * left}%`, width: `${100 * (right - left)}%` });
      text.style.width = `${(100 * (roomEndSec - startSec)) / (endSec - startSec)}%`;
      block.style.setProperty('--label-color', color);
      block.style.setProperty('--lane', String(lane));
      line.append(block);
    }
    return [element('div', { class: 'names' }, name, ...more), line];
  }

  #showEvents(timeSec: number): void {
    const now = this.#events?.blocks.filter((block) => isInside([block], timeSec)) ?? [];
    const text = now.map(({ label }) => label).join(', ') || '–';
    this.#eventValue.textContent = text;
    this.#eventValue.title = text;
  }

  #line(row: Row, plots: PlotGroup): HTMLElement[] {
    const values = row.names.map(() => element('span', { class: 'value number' }, '–'));
    this.#values.push(values);
    const names = row.names.map(({ text, color }, i) => {
      const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
      swatch.style.backgroundColor = color;
      return element(
        'div',
        { class: 'name' },
        swatch,
        element('span', { class: 'text', title: text }, text),
        values[i]!,
      );
    });
    const host = element('div', { class: 'plot', role: 'img', 'aria-label': row.description });
    const isLast = row === this.#rows.at(-1);
    const { startSec, endSec } = this.#time.span;
    const options: Omit<uPlot.Options, 'width'> = {
      height: row.height + (isLast ? AXIS_PX : 0),
      padding: [2, SPILL_PX, isLast ? 0 : 2, SPILL_PX],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: [startSec, endSec] }, y: { range: [row.min ?? 0, row.max] } },
      axes: [
        axis({ show: isLast, size: AXIS_PX, values: (_, ticks) => ticks.map((tick) => `${tick} s`) }),
        { show: false },
      ],
      series: [{}, ...row.series],
    };
    requestAnimationFrame(() => plots.add(host, options, this.#withGaps(row)));
    const notes = (row.notes ?? []).map((note) => element('div', { class: 'name' }, note));
    return [element('div', { class: 'names' }, ...names, ...notes), host];
  }

  /** The data with a break in each gap. */
  #withGaps({ xs, ys }: Row): uPlot.AlignedData {
    const isBreak = (i: number): boolean =>
      i > 0 && this.#time.gaps.some(({ startSec, endSec }) => startSec < xs[i]! && endSec > xs[i - 1]!);
    const places = xs.flatMap((x, i) => (isBreak(i) ? [{ x: (xs[i - 1]! + x) / 2 }, { x, i }] : [{ x, i }]));
    const pick = (values: Row['ys'][number]): (number | null | undefined)[] =>
      places.map((place) => ('i' in place ? values[place.i] : null));
    return [places.map(({ x }) => x), ...ys.map(pick)];
  }

  #shareOf(timeSec: number): number {
    const { startSec, endSec } = this.#time.span;
    return Math.min(1, Math.max(0, (timeSec - startSec) / (endSec - startSec)));
  }

  #timeUnder(event: PointerEvent): number {
    const { left, width } = this.#scrubber.getBoundingClientRect();
    const { startSec, endSec } = this.#time.span;
    return startSec + Math.min(1, Math.max(0, (event.clientX - left) / width)) * (endSec - startSec);
  }
}

const AXIS_PX = 30;
/** Room on both sides of a plot, for the numbers at the ends of the axis; the style sheet takes it back. */
const SPILL_PX = 24;
/** More moments than this would be a solid bar. */
const MAX_TICKS = 200;
