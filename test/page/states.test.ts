// The states of the live page, each made up and shown in a real browser: every verdict with its links and its time, long
// lists on a phone, filters, bargers, waits, mistakes in a dialog; and what a checker of accessibility says of them.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import axe from 'axe-core'
import type { Browser } from 'puppeteer-core'
import type { WakeState } from '../../src/backend/callView.ts'
import type { LiveView } from '../../src/live/liveView.ts'
import { eventually } from '../harness/internal.ts'
import { agent, call, NOW_MS, pod, queue, SWITCH, wellView } from '../live/madeUp.ts'
import { findChromium, type Look, type OpenPage, openBrowser, openPage } from './browser.ts'
import { outage, STATES } from './states.ts'
import { openStubStage, type StubStage } from './stubStage.ts'

const chromium = findChromium()

const GONE_WITHIN_MS = 500
const goneWithBrowser = () => undefined

describe.skipIf(!chromium)('the live page', () => {
  let stage: StubStage
  let browser: Browser
  let opened: OpenPage[] = []

  beforeAll(async () => {
    stage = openStubStage(await wellView())
    browser = await openBrowser()
  })
  afterEach(async () => {
    for (const { page } of opened) await page.browserContext().close().catch(goneWithBrowser)
    opened = []
  })
  afterAll(async () => {
    await browser?.close()
    await stage?.close()
  })

  /** A browser that has crashed, as one does now and then on a machine that is short of everything, is begun anew once. */
  function inBrowser(name: string, body: () => Promise<void>): void {
    test(name, async () => {
      try {
        await body()
      } catch (thrown) {
        // A frame is gone a moment before its browser is known to be.
        await Bun.sleep(GONE_WITHIN_MS)
        if (browser.connected) throw thrown
        browser = await openBrowser()
        await body()
      }
    })
  }

  async function see(view: LiveView | undefined, look: Look = {}): Promise<OpenPage> {
    stage.view = view
    const open = await openPage(browser, stage.url, look)
    opened.push(open)
    return open
  }

  inBrowser('says that all is well, in green, and by what', async () => {
    const { page, shows, complaints } = await see(await wellView())
    await shows(
      '#trouble-list',
      /^All well: 2 processes, 2 connected agents, 1,200 of 1,200 wakes confirmed in the last hour\.$/,
    )
    expect(await page.$eval('#trouble', each => each.getAttribute('data-level'))).toBe('good')
    expect(await lamp(page)).toBe('good')
    expect(complaints).toEqual([])
  })

  describe('gives a verdict with since when, which leads to what it is about, of', () => {
    let shared: OpenPage | undefined
    const pageOfAll = async (): Promise<OpenPage> => {
      if (!shared || shared.page.isClosed()) shared = await openPage(browser, stage.url)
      return shared
    }
    afterAll(async () => {
      await shared?.page.browserContext().close().catch(goneWithBrowser)
    })

    const cases: [
      what: string,
      view: () => Promise<LiveView>,
      words: RegExp,
      leadsTo: string,
      level: string,
    ][] = [
      [
        'a call without an owner',
        () => wellView({ calls: [call('c1', { isOwnerAlive: false })], callsTotal: 1 }),
        /1 call without an owner.* since \d\d:\d\d/,
        '#calls-title',
        'bad',
      ],
      [
        'a silent process',
        () => wellView({ pods: [pod('web-1', { isSilent: true, silentSinceMs: NOW_MS - 12_000 })] }),
        /Process web-1 says nothing any more\. since \d\d:30/,
        '#pod%3Aweb-1',
        'bad',
      ],
      [
        'a switch without an agent',
        () => wellView({ agents: [agent('a', { state: 'unconnected' })] }),
        /No agent is connected to the switch 10\.0\.0\.5:8021\. since/,
        `#${encodeURIComponent(`switch:${SWITCH}`)}`,
        'bad',
      ],
      [
        'an agent that nobody could replace',
        () => wellView({ agents: [agent('a', { calls: 2 })] }),
        /has one agent: nobody could take over its 2 calls/,
        '#calls-title',
        'warn',
      ],
      [
        'an agent that nobody could replace, with nothing to do',
        () => wellView({ agents: [agent('a')] }),
        /^It works: .* has one agent: no other could take over/,
        '#agents-title',
        'note',
      ],
      [
        'jobs that wait',
        () => wellView({ queues: [queue({ waiting: 3, nextHash: 'x', nextQueuedAtMs: NOW_MS - 40_000 })] }),
        /3 jobs wait, the eldest 40 s\. since \d\d:29/,
        '#queue%3Atalkiq-asp.calls',
        'bad',
      ],
      [
        'calls that wait for their turn',
        () => wellView({ switches: [{ name: SWITCH, paceAheadSeconds: 9, registered: null }] }),
        /waits 9 s for its turn \(CALLS_PER_SECOND\)\. seen since/,
        `#${encodeURIComponent(`switch:${SWITCH}`)}`,
        'warn',
      ],
      [
        'dead letters',
        () =>
          wellView({
            queues: [
              queue({
                dead: 1,
                newestDead: [{ reason: 'expired', at: '2026-11-30T14:20:00Z', dialId: 'late-1' }],
                eldestDeadAt: '2026-11-30T14:20:00Z',
              }),
            ],
          }),
        /1 dead letter: late-1 expired\. since \d\d:20/,
        '#timeline=late-1',
        'warn',
      ],
      [
        'room that is used up',
        () => wellView({ waits: { held: 19_000, heldMax: 20_000, eldest: [] } }),
        /19,000 of 20,000 requests that may be held/,
        '#waits-title',
        'warn',
      ],
      [
        'wakes that are not confirmed',
        () => wellView({}, outage),
        /Only 5 of 100 wakes were confirmed in the last 5 minutes, 95 % before: no phone woke in time\. since \d\d:26/,
        '#outcomes-title',
        'bad',
      ],
      [
        'pushes that are refused',
        () => wellView({}, outage),
        /60 pushes of com\.example\.phone refused in the last 5 minutes: InvalidProviderToken\. since/,
        '#pushes-title',
        'bad',
      ],
      [
        'a vendor that answers later',
        () => wellView({}, outage),
        /150 of 150 pushes to Google got no answer/,
        '#pushes-title',
        'bad',
      ],
      [
        'calls that fail',
        () => wellView({}, outage),
        /35 of 50 legs of calls failed .*: NETWORK_OUT_OF_ORDER/,
        '#outcomes-title',
        'bad',
      ],
      [
        'phones that wake slowly',
        () => wellView({}, ago => ({ 'wake.confirmed': 9, [ago > 4 ? 'trip.24' : 'trip.34']: 9 })),
        /Phones take 2\.3 s to wake in the last 5 minutes, 0\.4 s before\. since \d\d:26/,
        '#trips-title',
        'warn',
      ],
    ]
    for (const [what, view, words, leadsTo, level] of cases)
      inBrowser(what, async () => {
        stage.view = await view()
        const open = await pageOfAll()
        await open.shows('#trouble-list', words)
        expect(await open.page.$eval('#trouble', each => each.getAttribute('data-level'))).toBe(level)
        const links = await open.page.$$eval('#trouble-list a', all =>
          all.map(each => each.getAttribute('href')),
        )
        expect(links).toContain(leadsTo)
        // Nothing but a good verdict is green.
        expect(await lamp(open.page)).not.toBe('good')
      })

    inBrowser('jobs that wait longer and longer, in the link that was there', async () => {
      const waiting = (seconds: number) =>
        wellView({ queues: [queue({ waiting: 3, nextHash: 'x', nextQueuedAtMs: NOW_MS - seconds * 1_000 })] })
      stage.view = await waiting(40)
      const open = await pageOfAll()
      await open.shows('#trouble-list', 'the eldest 40 s')
      await open.page.$eval('#trouble-list a', link => Object.assign(link, { isPressed: true }))
      stage.view = await waiting(41)
      await open.shows('#trouble-list', 'the eldest 41 s')
      expect(await open.page.$eval('#trouble-list a', link => 'isPressed' in link)).toBe(true)
    })

    inBrowser('Redis that is away', async () => {
      stage.view = undefined
      const open = await pageOfAll()
      await open.shows('#trouble-list', /Redis does not answer: nothing new can be seen\. seen since/)
      expect(await lamp(open.page)).toBe('bad')
    })
  })

  inBrowser('takes whoever follows a word of the verdict, or a figure, to the row or the panel', async () => {
    const { page, shows } = await see(
      await wellView({ pods: [pod('web-1', { isHearing: false })], agents: [agent('a', { calls: 1 })] }),
    )
    await shows('#trouble-list', 'hears no confirmations')
    await page.click('#trouble-list a')
    expect(await page.$eval('.rows > li:target', each => each.id)).toBe('pod:web-1')
    await page.click('#figures a[href="#trips-title"]')
    await eventually(
      'the panel has the focus',
      async () => (await page.evaluate('document.activeElement.id')) === 'trips-title',
    )
    // All tiles lead somewhere.
    const dead = await page.$$eval(
      '#figures a',
      all => all.filter(each => !each.ownerDocument.querySelector(each.getAttribute('href')!)).length,
    )
    expect(dead).toBe(0)
  })

  inBrowser(
    'shows of a hundred calls what matters first on a phone, and the rest when it is asked for',
    async () => {
      const { page, shows } = await see(await STATES.worst!(), { width: 390, height: 844 })
      await shows('#calls', /^sales-20460/)
      const rows = () => page.$$eval('#calls > li', all => all.length)
      expect(await rows()).toBe(6)
      const height = (await page.evaluate('document.documentElement.scrollHeight')) as number
      expect(height).toBeLessThan(6_000)
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
      // Troubles stand before calls, for eyes and for those who hear the page.
      const [lately, calls] = (await page.evaluate(
        "['lately', 'calls'].map(id => document.getElementById(id).getBoundingClientRect().top)",
      )) as [number, number]
      expect(lately).toBeLessThan(calls)
      await page.tap('#calls-fold')
      expect(await rows()).toBe(96)
      await page.tap('#calls-fold')
      expect(await rows()).toBe(6)
    },
  )

  inBrowser('filters calls by organisation, user, number and state, and wakes by theirs', async () => {
    const { page, shows } = await see(await STATES.worst!())
    await shows('#calls', /^sales-20460/)
    const ids = (list: string) =>
      page.$$eval(`#${list} > li`, all => all.map(each => each.getAttribute('data-id')))
    const filter = async (list: string, words: string, state = '') => {
      await page.$eval(`#${list}-filter input`, (field, value) => Object.assign(field, { value }), words)
      await page.select(`#${list}-filter select`, state)
      await shows(`#${list}-filter .found`, words === '' && state === '' ? /^$/ : /^\d+ of/)
      return ids(list)
    }
    const first = await ids('calls')
    expect(await filter('calls', 'northwind agent-5')).toEqual(['sales-20404'])
    expect(await filter('calls', '+15105550107')).toEqual(['sales-20407'])
    expect(await filter('calls', '…913')).toEqual(['sales-20401'])
    expect(await filter('calls', '', 'trouble')).toEqual(['sales-20460'])
    expect(await filter('calls', '', 'barged')).toEqual(['sales-20401'])
    expect(await filter('calls', 'initech', 'ringing')).toHaveLength(6)
    expect(await filter('calls', 'nobody')).toEqual([])
    await shows('#calls-none', 'No call is like that.')
    expect(await filter('calls', '')).toEqual(first)
    // What stands in a row filters too.
    await page.click('[data-id="sales-20402"] .who .soft .link')
    await shows('#calls-filter .found', '32 of 96 calls')

    expect(await filter('waits', 'alice')).toEqual(['pbx1-1795332.77'])
    expect(await filter('waits', '', 'refused')).toEqual(['pbx1-1795331.77'])
    expect(await filter('waits', '', 'late')).toHaveLength(3)
  })

  inBrowser('tells a call in one sentence, and of bargers which phone and how long', async () => {
    const inside = { state: 'answered', mode: 'mute', sinceMs: NOW_MS - 61_000, phone: '…103' }
    const legs = (a: string, b?: string) =>
      [a, b].flatMap((state, side) =>
        state === undefined
          ? []
          : [
              {
                side: String(side),
                state,
                sinceMs: NOW_MS - (side === 0 ? 75_000 : 69_000),
                number: side === 0 ? '…101' : 'agent-2',
              },
            ],
      )
    const calls = [
      call('two-listen', {
        bargers: [
          { ...inside, bargeId: 'b1' },
          { ...inside, bargeId: 'b2', phone: 'sip:agent-2@10.0.0.9' },
        ],
      }),
      call('all-kinds', {
        bargers: [
          { ...inside, bargeId: 'b3', mode: 'whisper' },
          { ...inside, bargeId: 'b4', mode: 'threeway' },
          { ...inside, bargeId: 'b5', state: 'ringing', sinceMs: NOW_MS - 3_000 },
        ],
      }),
      call('rings-a', { legs: legs('ringing', 'expected') }),
      call('rings-b', { legs: legs('answered', 'ringing') }),
      call('ordered', { legs: legs('expected', 'expected') }),
      call('bot', { kind: 'bot-call', legs: legs('answered') }),
      call('old', {
        sinceMs: null,
        legs: legs('answered', 'answered').map(leg => ({ ...leg, sinceMs: null })),
      }),
    ]
    const { shows } = await see(await wellView({ calls, callsTotal: calls.length }))
    const row = (id: string, words: string | RegExp, part = '.sentence') =>
      shows(`[data-id="${id}"] ${part}`, words)
    await row('two-listen', 'Both answered, 1:09, two listen.')
    await row(
      'two-listen',
      /Barger …103 is in the call, 1:01 .*Barger sip:agent-2@10\.0\.0\.9 is in the call/,
      '.bargers',
    )
    await row('all-kinds', 'Both answered, 1:09, one whispers, one speaks with both.')
    await row('all-kinds', 'Barger …103 is being rung, 0:03', '.bargers')
    await row('rings-a', 'The caller is being rung, 1:15.')
    await row('rings-b', 'The caller waits, the callee is being rung, 1:09.')
    await row('rings-b', 'callee agent-2', '.legs')
    await row('ordered', 'Ordered, no phone rings yet, 1:15.')
    await row('bot', 'Answered, 1:15.')
    await row('old', 'Both answered.')
  })

  inBrowser('tells of a call whose side is an account how its phones are woken', async () => {
    const waking = (dialId: string, side: 0 | 1, state: WakeState, forMs: number) => {
      const { legs, ...rest } = call(dialId)
      const wake = { state, sinceMs: NOW_MS - forMs }
      const woken = legs.map((leg, index) =>
        index < side ? leg : { ...leg, state: 'expected', ...(index === side ? { wake } : {}) },
      )
      return { ...rest, legs: woken }
    }
    const calls = [
      waking('awake', 1, 'confirmed', 100),
      waking('failed', 1, 'failed', 100),
      waking('wakes-a', 0, 'asked', 300),
      waking('wakes-b', 1, 'pushed', 1_800),
      call('talks'),
    ]
    const { page, shows } = await see(await wellView({ calls, callsTotal: calls.length }))
    const row = (id: string, words: RegExp) => shows(`[data-id="${id}"] .sentence`, words)
    await row('wakes-b', /^The caller waits, waking …102’s phone, pushed 1\.8 s ago\.$/)
    await row('wakes-a', /^Nobody is rung yet, waking …101’s phone, asked for 300 ms ago, no push yet\.$/)
    await row('awake', /^The caller waits, …102’s phone is awake and not rung yet\.$/)
    await row('failed', /^The caller waits, …102’s phone did not wake\.$/)
    await row('talks', /^Both answered/)
    const state = (id: string) =>
      page.$$eval(`[data-id="${id}"] .state`, all => all.map(each => each.getAttribute('aria-label')))
    expect(await state('wakes-b')).toEqual(['answered', 'being woken'])
    await page.select('#calls-filter select', 'waking')
    await shows('#calls-filter .found', '4 of 5 calls')
  })

  inBrowser('tells of a wake who calls, which phones are pushed, and what came of it', async () => {
    const { waits } = (await STATES.worst!())!
    const ofJob = { ...waits.eldest[0]!, callId: 'support-7731', isJob: true as const }
    const open = await see(await wellView({ waits: { ...waits, eldest: [ofJob, ...waits.eldest] } }))
    const { shows } = open
    const row = (id: string, words: string | RegExp) => shows(`#waits [data-id="${id}"]`, words)
    await row(
      'pbx1-1795330.77',
      '…555 calls account …921 3.7 s of 4.0 s Android, push 4: accepted, usually answers within 0.9 s',
    )
    await row('pbx1-1795331.77', 'iPhone and Android, push 3: BadDeviceToken')
    await row('pbx1-1795332.77', 'calls account alice')
    await row('pbx1-1795332.77', 'push 2: no answer yet')
    await row('pbx1-1795334.77', 'no push yet')
    await row('support-7731', 'asked for by a job: its call')
    const { page } = open
    const href = await page.$eval('#waits [data-id="support-7731"] a', each => each.getAttribute('href'))
    expect(href).toBe(`#${encodeURIComponent('call:support-7731')}`)
  })

  inBrowser(
    'a person who said no is no alarm, and phones that registered are counted by switch',
    async () => {
      const { page, shows } = await see(
        await wellView({ switches: [{ name: SWITCH, paceAheadSeconds: 0, registered: 312 }] }, () => ({
          'wake.confirmed': 1,
          'wake.unavailable': 3,
        })),
      )
      await shows('#trouble-list', 'All well')
      await shows('#figures', /Wakes confirmed 100 % 60 of 60.* Phones registered 312 by SIP, at 1 switch/)
      await shows('#agents', '312 phones registered')
      const kinds = await page.$$eval('#outcomes li', all =>
        all.map(each => [each.textContent, each.querySelector('.bar')?.getAttribute('data-kind')]),
      )
      expect(kinds).toContainEqual(['unavailable180', 'fine'])
    },
  )

  inBrowser('says in the Barge dialog what is wrong, and loses nothing of what was typed', async () => {
    const { page, shows, complaints } = await see(await wellView({ calls: [call('call-1')], callsTotal: 1 }))
    await shows('#calls', 'call-1')
    stage.commands.length = 0
    stage.answer = () => ({ status: 422, body: { detail: 'phone_number must be a number: 1-20 digits' } })
    await page.click('[data-act=barge]')
    await page.type('#barge-number', 'no number')
    await page.type('#barge-caller', '15105550100')
    await page.click('#barge button.main')
    await shows('#barge-wrong', 'Not done: “Phone to ring” must be a number: 1-20 digits.')
    expect(await page.$eval('#barge', each => each.hasAttribute('open'))).toBe(true)
    expect(await page.evaluate('document.activeElement.id')).toBe('barge-number')
    expect(await page.$eval('#barge-number', each => each.getAttribute('aria-invalid'))).toBe('true')
    expect(await page.evaluate("document.getElementById('barge-caller').value")).toBe('15105550100')

    stage.answer = () => ({ status: 200 })
    await page.$eval('#barge-number', field => Object.assign(field, { value: '15105550103' }))
    await page.keyboard.press('Enter')
    await page.waitForSelector('#barge:not([open])')
    await shows('#notices', 'call-1: 15105550103 is being rung.')
    expect(stage.commands.at(-1)).toEqual({
      path: '/api/calls/call-1/barge',
      body: { phone_number: '15105550103', caller_id: '15105550100' },
    })
    expect(complaints).toEqual([])
  })

  inBrowser('says what came of a barge that was left by Esc before its answer', async () => {
    const { page, shows } = await see(await wellView({ calls: [call('call-1')], callsTotal: 1 }))
    await shows('#calls', 'call-1')
    const { promise, resolve } = Promise.withResolvers<{ status: number; body: unknown }>()
    stage.answer = () => promise
    await page.click('[data-act=barge]')
    await page.type('#barge-number', '15105550103')
    await page.type('#barge-caller', '15105550100')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Escape')
    await page.waitForSelector('#barge:not([open])')
    resolve({ status: 409, body: { detail: 'the call has ended' } })
    await shows('#notices', 'call-1: Not done: the call has ended.')
    stage.answer = () => ({ status: 200 })
  })

  // Each takes a second: those in which there is most to see.
  const CHECKED: [state: string, look: Look][] = [
    ['worst', { width: 390, height: 844 }],
    ['worst', { width: 1440, colours: 'dark' }],
    ['busy', { width: 1440 }],
    ['empty', { width: 390, height: 844, colours: 'dark' }],
  ]
  for (const [name, look] of CHECKED)
    inBrowser(
      `has nothing that a checker of accessibility would mend: ${name}, ${JSON.stringify(look)}`,
      async () => {
        const { page, shows } = await see(await STATES[name]!(), look)
        await shows('#trouble-list', /\w/)
        await page.evaluate(axe.source)
        const found = await page.evaluate(
          "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(each => [each.id, ...each.nodes.map(node => node.html)]))",
        )
        expect(found).toEqual([])
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
      },
    )
})

/** The level that the lamp beside "live" shows. */
const lamp = (page: OpenPage['page']) => page.$eval('#connection', each => each.getAttribute('data-level'))
