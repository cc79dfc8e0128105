import type { Tab } from '../app.js';

export const featuresTab: Tab = {
  id: 'features',
  label: 'Features',
  icon: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
  mount: () => ({ show() {}, hide() {} }),
};
