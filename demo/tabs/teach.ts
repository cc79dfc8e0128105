import type { Tab } from '../app.js';

export const teachTab: Tab = {
  id: 'teach',
  label: 'Teach',
  icon: 'M3 9.5 12 5l9 4.5-9 4.5zM7 12v4.5c2.8 2 7.2 2 10 0V12M21 9.5v5.5',
  mount: () => ({ show() {}, hide() {} }),
};
