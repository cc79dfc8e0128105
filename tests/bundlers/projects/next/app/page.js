'use client';
import { useEffect, useState } from 'react';
import { run } from '../app.js';

export default function Page() {
  const [result, setResult] = useState('');
  useEffect(() => {
    run().then(setResult);
  }, []);
  return <output id="result">{result}</output>;
}
