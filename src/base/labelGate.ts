// Bounds the label values that come from outside (an app's version, its network's name), so that no sender can fill our
// memory with metric series.

/** Distinct values one label may take; the rest count as `other`. 60 app versions or operators are a busy year. */
const LABEL_VALUES_MAX = 60
const LABEL_LENGTH_MAX = 64

/** Makes a gate that keeps labels from outside few and short: the first values pass, later new ones are `other`. */
export function createLabelGate(valuesMax = LABEL_VALUES_MAX): (label: string, value: unknown) => string {
  const seen = new Map<string, Set<string>>()
  return (label, value) => {
    const given =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        ? String(value)
        : ''
    const text = given.slice(0, LABEL_LENGTH_MAX).replace(/[^\w .:+/()-]/g, '_')
    const values = seen.get(label) ?? new Set<string>()
    seen.set(label, values)
    if (values.has(text)) return text
    if (values.size >= valuesMax) return 'other'
    values.add(text)
    return text
  }
}
