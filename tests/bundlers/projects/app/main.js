import { run } from './app.js';

run().then((result) => {
  document.getElementById('result').textContent = result;
});
