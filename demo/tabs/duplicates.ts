import type { Tab } from '../app.js';

export const duplicatesTab: Tab = {
  id: 'duplicates',
  label: 'Duplicates',
  icon: 'M8 8h12v12H8zM16 8V4H4v12h4',
  mount: () => ({ show() {}, hide() {} }),
};
