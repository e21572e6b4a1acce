/** What the plots share: colours, axes that follow the theme, and a size that follows the page. */
import uPlot from 'uplot';
import { OKABE_ITO } from '../../video/drawing/palette.ts';

/** Of the colours that all tell apart, two are another shade, which can be read on light and on dark. */
export const COLORS = { ...OKABE_ITO, blue: '#3b8fd0', orange: '#e08a00', grey: '#a9b1bc' } as const;

/** Colours for lines that stand beside each other, in this order. */
export const LINE_COLORS: readonly string[] = [
  COLORS.blue,
  COLORS.orange,
  COLORS.green,
  COLORS.purple,
  COLORS.vermilion,
  COLORS.sky,
];

/** A colour of the style sheet. */
export function themeColor(name: string): string {
  // A property may hold light-dark(), which only a colour property resolves.
  const probe = document.documentElement.appendChild(document.createElement('i'));
  probe.style.color = `var(${name})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** An axis in the colours of the page. */
export function axis(options: uPlot.Axis): uPlot.Axis {
  const line = { stroke: () => themeColor('--line'), width: 1 };
  return {
    stroke: () => themeColor('--quiet'),
    grid: line,
    ticks: { ...line, size: 4 },
    font: '12px system-ui, sans-serif',
    ...options,
  };
}

/** Plots that are as wide as their elements and are drawn again when colours change. */
export class PlotGroup {
  readonly #plots: uPlot[] = [];
  readonly #resizing = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const plot = this.#plots.find(({ root }) => root.parentElement === target);
      if (plot && contentRect.width > 0) plot.setSize({ width: contentRect.width, height: plot.height });
    }
  });

  /** Makes a plot within an element. */
  add(host: HTMLElement, options: Omit<uPlot.Options, 'width'>, data: uPlot.AlignedData): uPlot {
    const plot = new uPlot({ ...options, width: host.clientWidth || 600 }, data, host);
    this.#plots.push(plot);
    this.#resizing.observe(host);
    return plot;
  }

  redraw(): void {
    for (const plot of this.#plots) plot.redraw(false, true);
  }
}
