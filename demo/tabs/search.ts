import type { Tab } from '../app.js';

export const searchTab: Tab = {
  id: 'search',
  label: 'Search',
  icon: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20',
  mount: () => ({ show() {}, hide() {} }),
};
