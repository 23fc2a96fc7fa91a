// What may stand in a command: one branded type and one parser for each kind of value that a job or a control message
// brings. Text comes in unjudged, and leaves either as a branded value or as the reason why not (which never repeats
// the text). Nothing is escaped or repaired beyond a number's punctuation: what does not pass, fails.
//
// Why so strict. While FreeSWITCH takes an originate apart it splits on blanks, then on `, { } [ ] < > |` and `:_:`,
// strips `'` and `\`, turns `\n` `\s` into characters, lets `^^x` name another separator, and runs `${api(...)}`
// (switch_utils.c, switch_event.c, switch_ivr_originate.c). A `)` ends the arguments of `&bridge(...)`. None of these
// is in any list below, but for the brackets of a contact's IPv6 address, so that no value is ever escaped, and only
// blanks are ever quoted.
import { isIPv6 } from 'node:net'
import { assert, fail, ok, type Result } from '../base/result.ts'

declare const brand: unique symbol
type Allowed<Kind extends string> = string & { readonly [brand]: Kind }

export type DialId = Allowed<'DialId'>
export type OrgId = Allowed<'OrgId'>
export type UserId = Allowed<'UserId'>
export type PhoneNumber = Allowed<'PhoneNumber'>
export type SipUri = Allowed<'SipUri'>
export type CallerId = Allowed<'CallerId'>
export type ChannelUuid = Allowed<'ChannelUuid'>
export type GatewayName = Allowed<'GatewayName'>
export type ProfileName = Allowed<'ProfileName'>
export type ProviderName = Allowed<'ProviderName'>
export type LegName = Allowed<'LegName'>
export type HeaderText = Allowed<'HeaderText'>
export type HeaderPrefix = Allowed<'HeaderPrefix'>
export type SipUsername = Allowed<'SipUsername'>
export type SipPassword = Allowed<'SipPassword'>
export type Account = Allowed<'Account'>
export type AccountUser = Allowed<'AccountUser'>
export type Contact = Allowed<'Contact'>
export type MediaPath = Allowed<'MediaPath'>
export type VariableText = Allowed<'VariableText'>

/** Any value that a parser of this file has passed. */
export type AllowedText = Allowed<string>

/** The failure is a sentence's end for the one who sent the job: `dial_id ${failure}`. It never holds the value. */
export type Parsed<Value> = Result<Value, string>

/** For values of our own settings and ids, which were checked where they came in.
 *  @throws when the value does not pass its allow-list after all: that is a bug. */
export function assertAllowed<Value>(parsed: Parsed<Value>): Value {
  assert(parsed.ok, parsed.ok ? '' : `a value of our own ${parsed.failure}`)
  return parsed.value
}

/** One of our dial jobs. Not `hookswitch:...`, which are channels of our own in Redis. */
export const parseDialId = (value: unknown): Parsed<DialId> =>
  typeof value === 'string' && value.startsWith('hookswitch:')
    ? fail('must not begin with hookswitch:')
    : parseId<'DialId'>(value)

export const parseOrgId = (value: unknown): Parsed<OrgId> => parseId<'OrgId'>(value)

export const parseUserId = (value: unknown): Parsed<UserId> => parseId<'UserId'>(value)

/** A number to dial: digits, with or without a leading `+`, which goes to the gateway as it came. The punctuation of
 *  RFC 3966 and blanks are left out: `+1 (510) 562-5882` becomes `+15105625882`. `*` and `#` are refused: what starts
 *  with them are feature codes that change a provider's settings, not phones. */
export function parsePhoneNumber(value: unknown): Parsed<PhoneNumber> {
  const digits = textFrom(value)?.replace(/[ ().-]/g, '')
  return take(
    digits,
    /^\+?\d{1,31}$/,
    'must be a number to dial: 1-31 digits, with or without a + in front (blanks and ().- are left out)',
  )
}

/** `sip:user@host`, `sips:`, or the bare `user@host` that backends send, which becomes `sip:`. The host is a name or
 *  an IPv4 address; the only parameter is `transport`. Nothing is percent-encoded. */
export function parseSipUri(value: unknown): Parsed<SipUri> {
  const reason = 'must be sip:user@host[:port][;transport=udp|tcp|tls]'
  const parts = SIP_URI.exec(textFrom(value) ?? '')
  if (!parts) return fail(reason)
  const [, scheme = 'sip', user, host = '', port, transport] = parts
  if (host.length > HOST_CHARACTERS_MAX || host.includes('..')) return fail(reason)
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return fail(reason)
  const uri = `${scheme.toLowerCase()}:${user}@${host}`
  const tail = `${port ? `:${port}` : ''}${transport ? `;transport=${transport.toLowerCase()}` : ''}`
  return sift(uri + tail)
}

/** What a `phone_number` may be: a SIP URI when there is an `@` in it, else a number. */
export type PhoneTarget = { kind: 'number'; number: PhoneNumber } | { kind: 'sip'; uri: SipUri }

export function parsePhoneTarget(value: unknown): Parsed<PhoneTarget> {
  if (typeof value === 'string' && value.includes('@')) {
    const uri = parseSipUri(value)
    return uri.ok ? ok({ kind: 'sip', uri: uri.value }) : uri
  }
  const number = parsePhoneNumber(value)
  return number.ok ? ok({ kind: 'number', number: number.value }) : number
}

/** What the rung phone shows. A number loses its punctuation as in `parsePhoneNumber`; a word (`anonymous`) has no
 *  blanks, because it becomes the user part of the From header. */
export function parseCallerId(value: unknown): Parsed<CallerId> {
  const number = parsePhoneNumber(value)
  const text = number.ok ? number.value : textFrom(value)
  return take(text, /^[A-Za-z0-9_.+-]{1,64}$/, 'must be a number, or 1-64 of letters, digits and _.+-')
}

export const parseChannelUuid = (value: unknown): Parsed<ChannelUuid> =>
  take(textFrom(value), /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a UUID')

export const parseGatewayName = (value: unknown): Parsed<GatewayName> => parseName<'GatewayName'>(value)

/** A SIP profile of the switch: `external`. */
export const parseProfileName = (value: unknown): Parsed<ProfileName> => parseName<'ProfileName'>(value)

export const parseProviderName = (value: unknown): Parsed<ProviderName> => parseName<'ProviderName'>(value)

/** A load-test's `leg`: it becomes the side, the caller id and two headers. */
export const parseLegName = (value: unknown): Parsed<LegName> =>
  take(textFrom(value), /^[A-Za-z0-9_.-]{1,32}$/, 'must be 1-32 of letters, digits and _.-')

/** The value of a SIP header of ours. Single or several blanks inside are kept (the builder quotes them). Refused:
 *  everything that FreeSWITCH splits on, and `%`, which could not be read back from an event unchanged. */
export const parseHeaderText = (value: unknown): Parsed<HeaderText> =>
  take(
    textFrom(value),
    /^[A-Za-z0-9_.:@+/#&-](?:[A-Za-z0-9_.:@+/#& -]{0,254}[A-Za-z0-9_.:@+/#&-])?$/,
    'must be 1-256 of letters, digits, inner blanks and _.:@+/#&-',
  )

/** What our SIP headers' names begin with: `X-`, `Accuvit-`. */
export const parseHeaderPrefix = (value: unknown): Parsed<HeaderPrefix> =>
  take(textFrom(value), /^[A-Za-z][A-Za-z0-9-]{0,31}$/, 'must be 1-32 of letters, digits and -')

/** Whose phones register: `user` or `user@domain`, as the routes of the wake take it. */
export const parseAccount = (value: unknown): Parsed<Account> =>
  take(
    textFrom(value),
    /^[A-Za-z0-9_.+~-]{1,64}(?:@[A-Za-z0-9.-]{1,255})?$/,
    'must be an account: 1-64 of letters, digits and _.+~-, with or without @domain',
  )

/** An account's name alone, dialled through a gateway like a number. */
export const accountUser = (account: Account): AccountUser => account.split('@')[0] as AccountUser

/** One contact of `sofia_contact`: the way to a phone that registered. Its URI is the phone's own text, which FreeSWITCH
 *  keeps as it came (measured): through `sofia/internal/sip:1@h;x=a:_:sofia/gateway/…` or a comma in it, whoever may
 *  register dials what they like at the operator's cost. So it must be a plain SIP URI with a user and a host, at a profile
 *  and never at a gateway. What is left out besides: a URI without a user.
 *
 *  The brackets of an IPv6 host are the only ones that any value may have. To FreeSWITCH a `[` begins the variables of a leg
 *  where a leg begins, and elsewhere it hides the commas up to its `]` (switch_ivr_originate.c): between these stands an
 *  address, which has no comma. */
export function parseContact(value: unknown): Parsed<Contact> {
  const reason = 'must be sofia/<profile>/sip:user@host with plain parameters'
  const contact = take<'Contact'>(textFrom(value), CONTACT, reason)
  const address = contact.ok ? /@\[([^\]]*)\]/.exec(contact.value)?.[1] : undefined
  return address === undefined || isIPv6(address) ? contact : fail(reason)
}

/** `!` and `~` have a meaning of ours in the command that it is put into. No zone (`%eth0`) in an address. */
const CONTACT =
  /^(?=.{1,1024}$)sofia\/(?!gateway\/)[A-Za-z0-9_.-]{1,64}\/sips?:[A-Za-z0-9_.+*#&=%-]{1,256}@(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?(?:;[A-Za-z0-9_.:=@+/&%*#-]*)*$/i

/** No colon: FreeSWITCH hands name and password to Sofia joined by colons. */
export const parseSipUsername = (value: unknown): Parsed<SipUsername> =>
  take(textFrom(value), /^[A-Za-z0-9_.@+~-]{1,128}$/, 'must be 1-128 of letters, digits and _.@+~-')

/** Refused, and what each would do: `:` (Sofia cuts the password there, and the digest is silently wrong: measured),
 *  `,` `{}` `[]` `()` `<>` `|` (split the dial string), `'` `"` `\` backtick (quote and escape), `^` (may name another
 *  separator), `$` (begins an expansion), blanks and everything outside ASCII. The rest reaches the digest unchanged. */
export const parseSipPassword = (value: unknown): Parsed<SipPassword> =>
  take(
    textFrom(value),
    /^[A-Za-z0-9!#%&*+./;?@_~=-]{1,128}$/,
    'must be 1-128 of letters, digits and !#%&*+./;?@_~=-',
  )

/** The value of a channel's variable: an id, a word or a number. */
export const parseVariableText = (value: unknown): Parsed<VariableText> => parseId<'VariableText'>(value)

/** A file (relative to the switch's sound prefix, or absolute), a `local_stream://name`, or a `tone_stream://` of plain
 *  tones. No `..`, no `::` (`uuid_broadcast` would run `system::command` as an application), no `!`, no `{...}`.
 *  No http: it would let whoever publishes on a channel make the switch fetch any address. */
export function parseMediaPath(value: unknown): Parsed<MediaPath> {
  const text = textFrom(value) ?? ''
  const reason = 'must be a sound file, local_stream:// or tone_stream:// of at most 512 characters'
  if (text.length > MEDIA_CHARACTERS_MAX) return fail(reason)
  const isFile =
    /^\/?(?:[A-Za-z0-9_.-]+\/)*[A-Za-z0-9_.-]+$/.test(text) && !/(?:^|\/)\.\.?(?:\/|$)/.test(text)
  return isFile || LOCAL_STREAM.test(text) || TONE_STREAM.test(text) ? sift(text) : fail(reason)
}

/** Whether `file_exists` can answer for this path: it knows no sound prefix and no streams. */
export const isAbsoluteFile = (path: MediaPath): boolean => path.startsWith('/')

/** Longest name in the DNS (RFC 1035). */
const HOST_CHARACTERS_MAX = 253
const MEDIA_CHARACTERS_MAX = 512

const SIP_URI =
  /^(?:(sips?):)?([A-Za-z0-9_.+~-]{1,64})@([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d{1,5}))?(?:;transport=(udp|tcp|tls))?$/i
const LOCAL_STREAM = /^local_stream:\/\/[A-Za-z0-9_-]{1,64}$/
/** Tones as `%(on,off,hertz,...)`, optionally repeated. Not the form `path=`, which reads a file of the switch. */
const TONE_STREAM =
  /^tone_stream:\/\/(?:%\(\d{1,6},\d{1,6}(?:,\d{1,5}(?:\.\d{1,2})?){1,4}\);?){1,16}(?:;?loops=-?\d{1,6})?$/

/** Harmless letter by letter, harmful as a word, and each of them measured on FreeSWITCH 1.10.12:
 *  - `:_:` splits a dial string into calls placed in parallel, wherever it stands;
 *  - `ARRAY::x` as a variable's value is stored as `x`: one dial id would pass for another;
 *  - `mod_event_socket` with "unload" or "reload" anywhere else in the command cuts every event socket;
 *  - `origination_nested_vars=true` anywhere allows expansions;
 *  - `_undef_` is how a plain event spells an empty value. */
const HARMFUL_WORDS = /:_:|^ARRAY::|mod_event_socket|origination_nested_vars|^_undef_$/i

function parseId<Kind extends string>(value: unknown): Parsed<Allowed<Kind>> {
  return take(textFrom(value), /^[A-Za-z0-9_.:@+-]{1,128}$/, 'must be 1-128 of letters, digits and _.:@+-')
}

function parseName<Kind extends string>(value: unknown): Parsed<Allowed<Kind>> {
  return take(textFrom(value), /^[A-Za-z0-9_.-]{1,64}$/, 'must be 1-64 of letters, digits and _.-')
}

/** Backends send ids and numbers as JSON numbers now and then: those are taken as their digits. */
function textFrom(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined
}

function take<Kind extends string>(
  text: string | undefined,
  pattern: RegExp,
  reason: string,
): Parsed<Allowed<Kind>> {
  return text !== undefined && pattern.test(text) ? sift(text) : fail(reason)
}

function sift<Kind extends string>(text: string): Parsed<Allowed<Kind>> {
  return HARMFUL_WORDS.test(text)
    ? fail('holds a word that the switch would act on')
    : ok(text as Allowed<Kind>)
}
