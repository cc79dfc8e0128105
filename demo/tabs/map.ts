import type { Tab } from '../app.js';

export const mapTab: Tab = {
  id: 'map',
  label: 'Map',
  icon: 'M5 17.5a1.5 1.5 0 1 0 0 .01M10 8a1.5 1.5 0 1 0 0 .01M18 6a1.5 1.5 0 1 0 0 .01M15 15a1.5 1.5 0 1 0 0 .01',
  mount: () => ({ show() {}, hide() {} }),
};
