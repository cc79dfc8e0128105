import { VitreousError } from '../errors.js';
import type { Filter, Metadata } from './types.js';

export type Predicate = (metadata: Metadata | undefined, id: string) => boolean;
type Test = (value: unknown) => boolean;

// A value that is a list meets a condition when one of its members does.
const some =
  (test: Test): Test =>
  (value) =>
    Array.isArray(value) ? value.some(test) : test(value);
const comparable = (a: unknown, b: unknown): boolean =>
  typeof a === typeof b && (typeof a === 'number' || typeof a === 'string');

const OPERATORS: Record<string, (operand: never) => Test> = {
  eq: (operand: unknown) => some((value) => value === operand),
  ne: (operand: unknown) => (value) => !some((one) => one === operand)(value),
  gt: (operand: number) => some((value) => comparable(value, operand) && (value as number) > operand),
  gte: (operand: number) => some((value) => comparable(value, operand) && (value as number) >= operand),
  lt: (operand: number) => some((value) => comparable(value, operand) && (value as number) < operand),
  lte: (operand: number) => some((value) => comparable(value, operand) && (value as number) <= operand),
  in: (operand: unknown[]) => some((value) => operand.includes(value)),
};

/** @throws `INVALID_ARGUMENT` for a filter that makes no sense, before anything is looked at */
export function toPredicate(filter: Filter): Predicate {
  if (typeof filter === 'function') return filter;
  if (typeof filter !== 'object' || filter === null) {
    throw new VitreousError('INVALID_ARGUMENT', 'filter is a function or an object of conditions by field.');
  }
  const tests = Object.entries(filter).map(([field, condition]) => ({
    field,
    test: testOf(field, condition),
  }));
  return (metadata) => tests.every(({ field, test }) => test(metadata?.[field]));
}

function testOf(field: string, condition: unknown): Test {
  if (typeof condition !== 'object' || condition === null) return OPERATORS.eq?.(condition as never) as Test;
  const tests = Object.entries(condition).map(([name, operand]) => {
    const operator = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
    if (operator === undefined || (name === 'in' && !Array.isArray(operand))) {
      throw new VitreousError(
        'INVALID_ARGUMENT',
        `The filter of '${field}' takes a value or ${Object.keys(OPERATORS).join(', ')} ('in' with a list), not ${JSON.stringify({ [name]: operand })}.`,
      );
    }
    return operator(operand as never);
  });
  return (value) => tests.every((test) => test(value));
}
