/** Makes elements. Text is only ever set as text: what a page shows is untrusted. */

/** Values of attributes; `false` and `undefined` leave the attribute out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** An element with attributes and children; strings become text. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children);
  return made;
}

/** The data that the page came with. */
export function readData<Data>(): Data {
  return JSON.parse(document.getElementById('data')?.textContent ?? '') as Data;
}

/** A choice of one of several options, `[value, text]` each. */
export function select(name: string, options: readonly (readonly [value: string, text: string])[]): HTMLSelectElement {
  return element(
    'select',
    { 'aria-label': name },
    ...options.map(([value, text]) => element('option', { value }, text)),
  );
}

/**
 * The address of a file that lies at a relative path: nothing in the path can be taken for a protocol, another server, a
 * query or a fragment.
 */
export function addressOf(path: string): string {
  return `./${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** A name that may be broken after its underscores and slashes, rather than within a word. */
export function breakable(name: string): (Node | string)[] {
  return name.split(/(?<=[_/])/).flatMap((part, i) => (i === 0 ? [part] : [element('wbr'), part]));
}

/** Seconds as `1:02.50`, or `2.50 s` below a minute. */
export function formatTime(timeSec: number): string {
  if (timeSec < 60) return `${timeSec.toFixed(2)} s`;
  const hours = Math.floor(timeSec / 3600);
  const minutes = Math.floor((timeSec % 3600) / 60);
  const seconds = (timeSec % 60).toFixed(2).padStart(5, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
}

/** A number with three significant digits; whole ones as they are, very small and large ones in powers of ten. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5 ? value.toExponential(2) : value.toPrecision(3);
}

/** A button that changes between light and dark, starting from what the system prefers. */
export function themeButton(onChange: () => void = () => {}): HTMLButtonElement {
  const button = element('button', { type: 'button', class: 'quiet' });
  const system = matchMedia('(prefers-color-scheme: dark)');
  const isDark = (): boolean =>
    (document.documentElement.dataset['theme'] ?? (system.matches ? 'dark' : 'light')) === 'dark';
  const show = (): void => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Switch to ${isDark() ? 'light' : 'dark'} colours`);
    onChange();
  };
  button.addEventListener('click', () => {
    document.documentElement.dataset['theme'] = isDark() ? 'light' : 'dark';
    show();
  });
  system.addEventListener('change', show);
  show();
  return button;
}

/** The field in which a page of many events is searched. */
export function searchField(): HTMLInputElement {
  return element('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search in all columns' });
}

/** The head of a page of many events: its title, and what they are narrowed down by. */
export function filterHeader(title: string, ...filters: readonly Node[]): HTMLElement {
  return element(
    'header',
    {},
    element('div', { class: 'heading' }, element('h1', {}, title), themeButton()),
    element('div', { class: 'filters', role: 'search' }, ...filters),
  );
}
