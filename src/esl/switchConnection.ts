// The connection that we make to a switch: answers its greeting with the password, sets the filters, asks which switch
// it is and subscribes. link.ts makes the next one when it has ended, and the doctor makes one of its own.
import { type ConnectionHooks, detailOf, EslConnection } from './connection.ts'
import type { ConnectionLimits } from './limits.ts'

/** One server-side filter: `filter <header> <value>`. A value that starts with `/` is a regular expression. Positive
 *  filters are ORed. FreeSWITCH answers +OK to a malformed one, which then matches nothing. */
export interface EventFilter {
  header: string
  value: string
}

export interface ConnectionSettings {
  host: string
  port: number
  password: string
  events: readonly string[]
  filters: readonly EventFilter[]
}

export interface SwitchHooks extends ConnectionHooks {
  /** Logged in and subscribed. */
  onReady(coreUuid: string): void
}

type Answer = { kind: 'ok' | 'error'; text: string }

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export class SwitchConnection extends EslConnection {
  readonly #settings: ConnectionSettings
  readonly #hooks: SwitchHooks
  #isGreeted = false

  /** Starts to connect. The hooks are called later, never from in here. */
  constructor(settings: ConnectionSettings, limits: ConnectionLimits, hooks: SwitchHooks) {
    super([settings.host, settings.port, settings.password], limits, hooks)
    this.#settings = settings
    this.#hooks = hooks
  }

  // modesl would subscribe to events of its own here, before any filter.
  override auth(): void {
    if (this.#isGreeted) return this.end({ kind: 'protocol-error', detail: 'greeted twice' })
    this.#isGreeted = true
    this.#ask(`auth ${this.#settings.password}`, answer => {
      if (answer.kind === 'ok') this.#subscribe()
      else this.end({ kind: 'refused', detail: detailOf(answer.text) })
    })
  }

  // Filters stand before the subscription, so that not one foreign event slips in between. All of it goes out in one
  // burst: the replies come in order.
  #subscribe(): void {
    let coreUuid = ''
    for (const filter of this.#settings.filters) {
      this.#ask(`filter ${filter.header} ${filter.value}`, answer => this.#insist(answer, 'filter'))
    }
    this.#ask('api global_getvar core_uuid', answer => {
      coreUuid = answer.text
      if (!UUID.test(coreUuid)) this.end({ kind: 'handshake-failed', detail: 'no core_uuid' })
    })
    this.#ask(`event plain ${this.#settings.events.join(' ')}`, answer => {
      if (!this.#insist(answer, 'event')) return
      this.becomeReady()
      this.#hooks.onReady(coreUuid)
    })
  }

  #ask(line: string, onAnswer: (answer: Answer) => void): void {
    this.askInHandshake({ line }, outcome => {
      if (outcome.kind === 'ok' || outcome.kind === 'error') onAnswer(outcome)
      else if (outcome.kind === 'busy')
        this.end({ kind: 'handshake-failed', detail: 'the switch does not read' })
    })
  }

  #insist(answer: Answer, what: string): boolean {
    if (answer.kind === 'error') {
      this.end({ kind: 'handshake-failed', detail: detailOf(`${what}: ${answer.text}`) })
    }
    return answer.kind === 'ok'
  }
}
