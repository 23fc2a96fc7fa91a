// Jobs that an agent has in its hands, as they came: two may have the very same text.

/** Texts with their count: two jobs may have the same one. */
export function createBag() {
  const counts = new Map<string, number>()
  return {
    add: (text: string) => void counts.set(text, (counts.get(text) ?? 0) + 1),
    has: (text: string) => counts.has(text),
    delete(text: string): void {
      const left = (counts.get(text) ?? 0) - 1
      if (left > 0) counts.set(text, left)
      else counts.delete(text)
    },
  }
}
