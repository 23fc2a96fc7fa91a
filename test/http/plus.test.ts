// What becomes of a plus in a form, as docs/pbx-recipes.md (rule 3) and docs/app-recipe.md tell it: each example that
// stands there is read here.
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { formFields } from '../../src/http/body.ts'
import { fill } from '../../src/http/form.ts'
import { incomingCallForm } from '../../src/http/public/forms.ts'

const documents = await Promise.all(
  ['pbx-recipes.md', 'app-recipe.md'].map(name => Bun.file(join(import.meta.dir, '../../docs', name)).text()),
)

/** As it is sent, and what is read: the account, the number, the name, the call's id. */
const rows: [sent: string, field: 'account' | 'phonenumber' | 'callerId' | 'callId', read: string][] = [
  ['phonenumber=+4930123456', 'phonenumber', '+4930123456'],
  ['phonenumber=%2B4930123456', 'phonenumber', '+4930123456'],
  ['caller_id=Ann+Lee', 'callerId', 'Ann Lee'],
  ['caller_id=Q%2BA', 'callerId', 'Q+A'],
  ['call_id=ab+cd@host', 'callId', 'ab+cd@host'],
  ['call_id=ab+cd', 'callId', 'ab cd'],
  ['sip_user_id=+4930123', 'account', '4930123'],
  ['sip_user_id=%2B4930123', 'account', '+4930123'],
  ['sip_user_id=+4930123@example.com', 'account', '+4930123@example.com'],
]

test.each(rows)('%s stands in the recipes, and is read so', (sent, field, read) => {
  expect(documents.join()).toContain(`\`${sent}\``)
  const others = { sip_user_id: 'sip_user_id=1001', phonenumber: 'phonenumber=1' }
  const body = [
    sent,
    ...Object.entries(others).flatMap(([name, text]) => (sent.startsWith(name) ? [] : [text])),
  ]
  const fields = formFields(body.join('&'))
  const filled = fields.ok ? fill(incomingCallForm, fields.value) : fields
  if (!filled.ok) throw new Error(JSON.stringify(filled.failure))
  expect(filled.value[field]).toBe(read)
})
