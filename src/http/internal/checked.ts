// Lets a route's values be judged by the rooms that know them, instead of by a second description of the same rules: a
// schema that documents and types the values for callers, and a check that says what is wrong with them. Elysia takes
// the pair as one schema of its own (the form is that of standardschema.dev).
import type { Static, TSchema } from 'elysia'

/** What is wrong with one field; `detail` completes the sentence that the field's name begins. */
export interface FieldMistake {
  field: string
  detail: string
}

/** @param schema what callers are told; it judges nothing.
 *  @param check all mistakes of the values, whose types are not known yet.
 *  @param known the fields that the route is given; the schema's, unless said otherwise. Others are ignored. */
export function checked<Schema extends TSchema>(
  schema: Schema,
  check: (fields: Record<string, unknown>) => readonly FieldMistake[],
  known: (fields: Record<string, unknown>) => Record<string, unknown> = fields => pick(schema, fields),
) {
  type Value = Static<Schema>
  return {
    '~standard': {
      version: 1 as const,
      vendor: 'hookswitch',
      types: undefined as unknown as { input: Value; output: Value },
      validate(given: unknown) {
        // A command without fields may come without a body.
        const fields = given ?? {}
        if (typeof fields !== 'object' || Array.isArray(fields))
          return { issues: [{ message: 'must be a JSON object', path: ['body'] }] }
        const judged = known(fields as Record<string, unknown>)
        const mistakes = check(judged)
        if (mistakes.length === 0) return { value: judged as Value }
        return { issues: mistakes.map(({ field, detail }) => ({ message: detail, path: [field] })) }
      },
      jsonSchema: { input: () => schema, output: () => schema },
    },
  }
}

/** The fields of a schema that are there; null counts as missing. */
export function pick(schema: TSchema, fields: Record<string, unknown>): Record<string, unknown> {
  const names = Object.keys((schema.properties ?? {}) as object)
  const given = names.filter(name => fields[name] !== undefined && fields[name] !== null)
  return Object.fromEntries(given.map(name => [name, fields[name]]))
}
