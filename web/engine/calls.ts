// The engine's functions and objects as they look from outside: the same names and arguments, answered later.
import type { Calling } from './backend.js';
import type { EngineClasses, Recipes } from './tools.js';

type Method = (...args: never[]) => unknown;
type RecipeArgs<R extends keyof Recipes> = Recipes[R] extends Method ? Parameters<Recipes[R]> : never;
type RecipeResult<R extends keyof Recipes> = Recipes[R] extends Method ? ReturnType<Recipes[R]> : never;
type Instance<C extends keyof EngineClasses> = EngineClasses[C] extends new (
  ...args: never[]
) => infer I
  ? I
  : never;
type Constructed<C extends keyof EngineClasses> = EngineClasses[C] extends new (
  ...args: infer A
) => unknown
  ? A
  : never;

/** An object of the engine from outside: its methods, each answered later. */
export type EngineHandle<C extends keyof EngineClasses> = {
  [M in keyof Instance<C>]: Instance<C>[M] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<R>
    : never;
};

/** A recipe's arithmetic. */
export const compute = <R extends keyof Recipes>(engine: Calling, recipe: R, ...args: RecipeArgs<R>) =>
  engine.compute(recipe, args) as Promise<RecipeResult<R>>;

/** Makes an object in the engine, which lives until its `delete`, or as long as the engine. */
export async function make<C extends keyof EngineClasses>(
  engine: Calling,
  name: C,
  ...args: Constructed<C>
): Promise<EngineHandle<C>> {
  const object = await engine.make(name, args);
  return new Proxy({} as EngineHandle<C>, {
    // A promise is what has a `then`; this is none.
    get: (_, method) =>
      method === 'then' ? undefined : (...values: unknown[]) => engine.invoke(object, String(method), values),
  });
}
