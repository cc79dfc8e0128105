import type { Tab } from '../app.js';

export const attentionTab: Tab = {
  id: 'attention',
  label: 'Attention',
  icon: 'M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z',
  mount: () => ({ show() {}, hide() {} }),
};
