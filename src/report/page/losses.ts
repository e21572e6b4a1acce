/** How the losses fell while the filters were found. */
import type { AnalysisFrame } from '../../analysis/document.ts';
import { element, formatNumber } from './dom.ts';
import { axis, LINE_COLORS, type PlotGroup } from './plots.ts';

/** Loss curves of some sampled frames, by their positions; a sentence where no steps were needed. */
export function lossCurves(frames: readonly AnalysisFrame[], shown: readonly number[], plots: PlotGroup): HTMLElement {
  const curves = shown.filter((frame) => frames[frame]!.lossHistory.length > 1);
  if (curves.length === 0) {
    const isExact = frames.every(({ status }) => status === 'exact');
    const why = isExact
      ? 'The filters have a closed form: no steps were needed.'
      : 'The analysis keeps no loss curves.';
    return element('p', { class: 'quiet-text' }, why);
  }
  const xs = [...new Set(curves.flatMap((frame) => iterationsOf(frames[frame]!)))].sort((a, b) => a - b);
  const ys = curves.map((frame) => {
    const byIteration = new Map(iterationsOf(frames[frame]!).map((x, i) => [x, frames[frame]!.lossHistory[i]!]));
    return xs.map((x) => byIteration.get(x));
  });
  const losses = ys.flat().filter((loss) => loss !== undefined);
  const isLogarithmic = Math.min(...losses) > 0 && Math.max(...losses) > LOGARITHMIC_FROM * Math.min(...losses);
  const colorOf = (k: number): string =>
    curves.length <= LINE_COLORS.length ? LINE_COLORS[k]! : `hsl(${(300 * k) / curves.length} 55% 50%)`;
  const host = element('div', { role: 'img', 'aria-label': 'Loss over the iterations' });
  const options = {
    height: 260,
    padding: [8, 12, 0, 0] as [number, number, number, number],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, y: isLogarithmic ? { distr: 3 as const } : {} },
    axes: [
      axis({
        label: 'iteration',
        labelSize: 22,
        labelFont: '12px system-ui, sans-serif',
        size: 28,
        incrs: WHOLE_STEPS,
      }),
      axis({ size: 64, values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : formatNumber(tick))) }),
    ],
    series: [
      {},
      ...curves.map((_, k) => ({
        stroke: colorOf(k),
        width: 1.75,
        spanGaps: true,
        points: { show: xs.length <= 30, size: 5 },
      })),
    ],
  };
  requestAnimationFrame(() => plots.add(host, options, [xs, ...ys]));
  const names = curves.map((frame, k) => {
    const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
    swatch.style.backgroundColor = colorOf(k);
    const { iterations, loss } = frames[frame]!;
    const text = `frame ${frame + 1}: ${formatNumber(loss)} after ${iterations} iterations`;
    return element('li', {}, swatch, element('span', { class: 'number' }, text));
  });
  return element('div', {}, element('div', { class: 'boxed' }, host), element('ul', { class: 'loss-names' }, ...names));
}

/** Ratio of the largest to the smallest loss from which on a linear axis would hide the small ones. */
const LOGARITHMIC_FROM = 20;
const WHOLE_STEPS: number[] = [0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));

/** The iteration of each entry of the history: they lie evenly between the start and the last. */
function iterationsOf({ lossHistory, iterations }: AnalysisFrame): number[] {
  const step = iterations / (lossHistory.length - 1);
  return lossHistory.map((_, i) => Math.round(i * step));
}
