/** What a view computes for: asked once, and after Cancel not again while photos come. */
export class Question {
  #asked = '';
  #answered = '';

  /** @returns whether it is another one than the last */
  ask(question: string): boolean {
    const isNew = question !== this.#asked;
    this.#asked = question;
    return isNew;
  }

  answer(question: string): void {
    this.#answered = question;
  }

  /** The tab is left: what was not answered is asked again at the next visit. */
  leave(): void {
    this.#asked = this.#answered;
  }

  /** Another model: what was shown says nothing any more. */
  forget(): void {
    this.#asked = this.#answered = '';
  }
}
