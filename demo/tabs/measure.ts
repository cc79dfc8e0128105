import type { Tab } from '../app.js';

export const measureTab: Tab = {
  id: 'measure',
  label: 'Measure',
  icon: 'M4.5 18a9 9 0 1 1 15 0M12 14l4-5',
  mount: () => ({ show() {}, hide() {} }),
};
