/** How the overlay is drawn, and the controls that change it. */
import { colorOf, cssColor } from '../../video/drawing/colormap.ts';
import { NORMALIZE_MODES, type NormalizeMode } from '../../video/drawing/keyframes.ts';
import { levelColor } from '../../video/drawing/overlay.ts';
import { SIGNED_COLORS } from '../../video/drawing/signed.ts';
import { COLORMAP_NAMES, type ColormapName, defaultStyle, type OverlayStyle } from '../../video/drawing/style.ts';
import { type OverlayMode, renderCommand, type Settings } from './command.ts';
import { element, select } from './dom.ts';

/** The controls; `settings` is what they say now. */
export class SettingsPanel {
  readonly element: HTMLElement;
  readonly #modes = MODES.map(({ mode }) => element('input', { type: 'radio', name: 'mode', value: mode }));
  readonly #levels = defaultStyle.levels.map((level) => new LevelControl(level));
  readonly #opacity = slider(0, 1, 0.05, defaultStyle.opacity);
  readonly #colormap = select(
    'Colour map',
    COLORMAP_NAMES.map((name) => [name, name]),
  );
  readonly #scale = select(
    'Scale',
    NORMALIZE_MODES.map((mode) => [mode, SCALES[mode]]),
  );
  readonly #fade = element('input', { type: 'checkbox', checked: true });
  readonly #boxes = element('input', { type: 'checkbox', checked: true });
  readonly #hasImportance: boolean;
  readonly #hasObjects: boolean;
  readonly #ignored: readonly string[];
  readonly #command = element('input', { type: 'text', class: 'command', readonly: true, 'aria-label': 'Command' });
  readonly #copy = element('button', { type: 'button' }, 'Copy');
  readonly #legend = element('p', { class: 'legend' });
  readonly #bar = element('span', { class: 'color-bar', 'aria-hidden': 'true' });

  /**
   * @param hasImportance whether it is known how much each frame matters
   * @param hasObjects whether there are boxes of objects
   * @param ignored parts of the picture that count for nothing, as `--ignore` takes them
   */
  constructor(
    onChange: () => void,
    { hasImportance, hasObjects, ignored }: { hasImportance: boolean; hasObjects: boolean; ignored: readonly string[] },
  ) {
    this.#hasImportance = hasImportance;
    this.#hasObjects = hasObjects;
    this.#ignored = ignored;
    this.#modes[0]!.checked = true;
    this.#colormap.value = defaultStyle.colormap;
    const percent = element('output', { class: 'number' });
    const opacity = element('label', { class: 'slider' }, element('span', {}, 'Opacity'), this.#opacity, percent);
    const show = (): void => {
      percent.textContent = `${Math.round(100 * Number(this.#opacity.value))} %`;
      this.#showLegend();
      onChange();
    };
    this.element = element(
      'form',
      { class: 'settings', 'aria-label': 'Overlay' },
      fieldset('Overlay', segmented(this.#modes)),
      fieldset('Contour levels', ...this.#levels.map((level) => level.element)),
      fieldset('Heat', opacity),
      field('Colours', this.#colormap),
      field('Scale', this.#scale),
      ...(hasImportance ? [element('label', {}, this.#fade, ' Fainter where a frame matters less')] : []),
      ...(hasObjects ? [element('label', {}, this.#boxes, ' Boxes of objects')] : []),
      this.#legend,
      fieldset('As a video', element('div', { class: 'copying' }, this.#command, this.#copy)),
    );
    this.#copy.addEventListener('click', () => void this.#copyCommand());
    this.element.addEventListener('input', show);
    this.element.addEventListener('submit', (event) => event.preventDefault());
    this.#showLegend();
    percent.textContent = `${Math.round(100 * defaultStyle.opacity)} %`;
  }

  /** What the controls say. */
  get settings(): Settings {
    const mode = (this.#modes.find(({ checked }) => checked)?.value ?? 'contour') as OverlayMode;
    const levels = this.#levels.flatMap(({ level }) => (level === undefined ? [] : [level]));
    const style: OverlayStyle = {
      ...defaultStyle,
      kind: mode === 'signed' || mode === 'none' ? 'both' : mode,
      colormap: this.#colormap.value as ColormapName,
      levels: levels.sort((a, b) => a - b),
      opacity: Number(this.#opacity.value),
    };
    return {
      mode,
      normalize: this.#scale.value as NormalizeMode,
      fade: this.#hasImportance && this.#fade.checked,
      boxes: this.#hasObjects && this.#boxes.checked,
      style,
    };
  }

  /** Goes to the next or an earlier way of drawing. */
  cycleMode(): void {
    const next = (this.#modes.findIndex(({ checked }) => checked) + 1) % this.#modes.length;
    this.#modes[next]!.checked = true;
    this.element.dispatchEvent(new Event('input'));
  }

  /** Shows or hides the boxes of objects. */
  toggleBoxes(): void {
    this.#boxes.checked = !this.#boxes.checked;
    this.element.dispatchEvent(new Event('input'));
  }

  /** Where the browser does not let a page copy, the text is selected. */
  async #copyCommand(): Promise<void> {
    this.#command.select();
    const isCopied = await navigator.clipboard?.writeText(this.#command.value).then(
      () => true,
      () => false,
    );
    this.#copy.textContent = isCopied ? 'Copied' : 'Selected';
    setTimeout(() => {
      this.#copy.textContent = 'Copy';
    }, 1500);
  }

  /** Says what the colours mean and which command draws so, and takes controls that have no effect away. */
  #showLegend(): void {
    const { mode, normalize, style } = this.settings;
    this.#fade.disabled = mode === 'none' || (mode !== 'signed' && normalize !== 'frame');
    const isSigned = mode === 'signed';
    const command = renderCommand(this.settings, this.#hasImportance, this.#ignored);
    this.#command.value = command ?? 'nothing is drawn';
    this.#copy.disabled = command === undefined;
    for (const control of this.#levels) {
      const { level } = control;
      const colorOf = (own: number): string => cssColor(isSigned ? SIGNED_COLORS.supporting : levelColor(own, style));
      control.show(level === undefined ? 'transparent' : colorOf(level), mode !== 'none' && mode !== 'heatmap');
    }
    this.#opacity.disabled = mode === 'none' || mode === 'contour';
    this.#colormap.disabled = mode === 'none' || isSigned;
    this.#scale.disabled = mode === 'none' || isSigned;
    const stops = Array.from({ length: 9 }, (_, i) => cssColor(colorOf(style.colormap, i / 8)));
    this.#bar.style.background = `linear-gradient(to right, ${stops.join(', ')})`;
    this.#legend.replaceChildren(...(isSigned ? signedLegend() : mode === 'none' ? [] : ['low ', this.#bar, ' high']));
  }
}

const MODES: readonly { readonly mode: OverlayMode; readonly title: string }[] = [
  { mode: 'contour', title: 'Contours' },
  { mode: 'heatmap', title: 'Heat' },
  { mode: 'both', title: 'Both' },
  { mode: 'signed', title: 'Signed' },
  { mode: 'none', title: 'None' },
];

const SCALES: Readonly<Record<NormalizeMode, string>> = {
  frame: 'each frame from 0 to 1',
  clip: 'the whole clip from 0 to 1',
  none: "the filter's own values",
};

/** A level that can be moved and switched off. */
class LevelControl {
  readonly element: HTMLElement;
  readonly #switch: HTMLInputElement;
  readonly #slider: HTMLInputElement;
  readonly #output = element('output', { class: 'number' });
  readonly #swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });

  constructor(level: number) {
    this.#switch = element('input', { type: 'checkbox', checked: true, 'aria-label': 'Draw this level' });
    this.#slider = slider(0.05, 0.95, 0.01, level);
    this.#slider.setAttribute('aria-label', 'Level');
    this.element = element('div', { class: 'slider level' }, this.#switch, this.#swatch, this.#slider, this.#output);
  }

  /** The level, if it is drawn. */
  get level(): number | undefined {
    return this.#switch.checked ? Number(this.#slider.value) : undefined;
  }

  show(color: string, isUsed: boolean): void {
    this.#output.textContent = Number(this.#slider.value).toFixed(2);
    this.#swatch.style.backgroundColor = color;
    this.#switch.disabled = !isUsed;
    this.#slider.disabled = !isUsed || !this.#switch.checked;
  }
}

function slider(min: number, max: number, step: number, value: number): HTMLInputElement {
  return element('input', { type: 'range', min, max, step, value });
}

function segmented(inputs: readonly HTMLInputElement[]): HTMLElement {
  const labels = inputs.map((input, i) => element('label', {}, input, element('span', {}, MODES[i]!.title)));
  return element('div', { class: 'segmented' }, ...labels);
}

function fieldset(title: string, ...content: readonly Node[]): HTMLElement {
  return element('fieldset', {}, element('legend', {}, title), ...content);
}

function field(title: string, control: HTMLElement): HTMLElement {
  return element('label', { class: 'field' }, element('span', {}, title), control);
}

function signedLegend(): Node[] {
  const line = (color: readonly [number, number, number], kind: string): HTMLElement => {
    const made = element('span', { class: `line ${kind}`, 'aria-hidden': 'true' });
    made.style.borderColor = cssColor([...color]);
    return made;
  };
  const { supporting, opposing } = SIGNED_COLORS;
  return [
    element('span', {}, line(supporting, 'solid'), ' supports '),
    element('span', {}, line(opposing, 'dashed'), ' opposes the output'),
  ];
}
