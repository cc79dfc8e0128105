import { announce, byId, icon } from './dom.js';
import { keep } from './state.js';

const SUN =
  'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4';
const MOON = 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z';

const prefersDark = matchMedia('(prefers-color-scheme: dark)');

/** The switch between light and dark; what the system prefers needs no choice. */
export function useThemeButton(): void {
  const button = byId('theme-button');
  const isDark = () =>
    (document.documentElement.dataset.theme ?? (prefersDark.matches ? 'dark' : 'light')) === 'dark';
  const draw = () => {
    button.replaceChildren(icon(isDark() ? SUN : MOON));
    button.setAttribute('aria-label', isDark() ? 'Light theme' : 'Dark theme');
    button.title = isDark() ? 'Light theme' : 'Dark theme';
  };
  button.addEventListener('click', () => {
    const theme = isDark() ? 'light' : 'dark';
    const system = prefersDark.matches ? 'dark' : 'light';
    // The system's own is followed again.
    if (theme === system) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    keep('theme', theme === system ? undefined : theme);
    draw();
    announce(`The ${theme} theme is on.`);
  });
  prefersDark.addEventListener('change', draw);
  draw();
}
