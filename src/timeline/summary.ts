// One sentence that answers "why didn't my phone ring?" from a timeline's entries: what the wake came to, what the
// dialled call came to. Which phone is meant follows from the account, where a ring group has several.

import { isOrdinaryEnd } from '../esl/hangupCauses.ts'
import type { Entry, KeptEntry } from './entry.ts'
import { capital, causeWords, lapse } from './phrases.ts'
import { explainRefusal, vendorName } from './pushRefusals.ts'
import { runningSentence } from './running.ts'
import { isOfWake, legName, type Scene, sceneOf } from './scene.ts'

type Of<What extends Entry['what']> = Extract<KeptEntry, { what: What }>

/** @param entries in order. @param account as it stands in the entries; undefined: everybody's. @param nowMs for how long
 *  a call has lasted; undefined: nobody asks. */
export function summarise(entries: readonly KeptEntry[], account?: string, nowMs?: number): string {
  const wake = summariseWakes(entries.filter(isOfWake) as KeptEntry[], account)
  const dial = summariseDial(
    entries.filter(each => !isOfWake(each)),
    nowMs,
  )
  return [wake, dial].filter(Boolean).join(' ') || 'Nothing that tells how the call went is known.'
}

/** Of several wakes of one account the last counts: the caller asked again. */
function summariseWakes(entries: readonly KeptEntry[], account?: string): string {
  if (entries.length === 0) return ''
  const accounts = [...new Set(entries.flatMap(each => ('account' in each ? [each.account] : [])))]
  const ofAccount = (wanted: string) =>
    entries.filter(each => !('account' in each) || each.account === wanted)
  if (account !== undefined && accounts.includes(account)) return summariseWake(ofAccount(account))
  if (accounts.length <= 1) return summariseWake(entries)
  return accounts.map(each => `Account ${each}: ${summariseWake(ofAccount(each))}`).join(' ')
}

function summariseWake(all: readonly KeptEntry[]): string {
  const beginsAt = all.findLastIndex(
    (each, at) => each.what === 'request' && all[at + 1]?.what !== 'joined' && !isRepeated(all, at),
  )
  const entries = beginsAt < 0 ? all : all.slice(beginsAt)
  const outcome = last(entries, 'outcome')
  if (!outcome) {
    if (last(entries, 'request-refused'))
      return 'The phone did not ring, because this process held as many waits as it may (WAITS_MAX) and turned the request away.'
    return 'The phone is still being woken, or the process that was doing it has died: no outcome is known.'
  }
  switch (outcome.reason) {
    case 'confirmed': {
      const trip = of(entries, 'outcome').find(each => each.roundTripMs !== undefined)?.roundTripMs
      return `The phone was woken: its app confirmed ${trip === undefined ? '' : `${lapse(trip)} after the push `}and the PBX was told to go on (ACK), so if the phone stayed silent, look at the app's SIP registration and at the PBX's INVITE.`
    }
    case 'no-device':
      return 'The phone did not ring, because no device is registered for this account: its app must log in again.'
    case 'unavailable':
      return 'The phone did not ring, because its app answered that it is not available.'
    case 'timeout':
      return timedOut(entries, outcome)
    case 'push-refused':
      return refused(entries)
    case 'caller-gone':
    case 'caller_hangup':
    case 'answered_elsewhere':
      return last(entries, 'call-ended')?.reason === 'answered_elsewhere'
        ? `The phone stopped waiting for the call after ${lapse(outcome.waitedMs)}, because it was answered elsewhere.`
        : `The phone did not ring, because the caller was gone after ${lapse(outcome.waitedMs)}, before the app had confirmed.`
    case 'busy':
      if (last(entries, 'join-refused'))
        return 'A repeated request was not held, because too many requests of the same call wait already.'
      return 'The phone did not ring, because hookswitch could not hold the request: Redis did not answer.'
  }
}

/** A second request of a wake that runs: no outcome between it and the one before. */
function isRepeated(entries: readonly KeptEntry[], at: number): boolean {
  const before = entries.slice(0, at)
  return (
    before.findLastIndex(each => each.what === 'request') >
    before.findLastIndex(each => each.what === 'outcome')
  )
}

function timedOut(entries: readonly KeptEntry[], outcome: Of<'outcome'>): string {
  const late = entries.find(each => each.what === 'app-answered' && each.verdict === 'expired')
  if (late)
    return `The phone did not ring in time: its app confirmed ${lapse(late.atMs - outcome.atMs)} after the wait of ${lapse(outcome.waitedMs)} had ended, so the phone or its network is slow, or APP_PUSH_ROUNDTRIP_WAIT too short.`
  const answers = of(entries, 'push-answered')
  const accepted = answers.findLast(each => each.outcome === 'accepted')
  if (accepted?.isLogged)
    return `The phone did not ring: without APPS_FILE pushes go to the log only, and nobody answered in the app's place within ${lapse(outcome.waitedMs)}.`
  if (accepted)
    return `The phone did not ring: ${vendorName(accepted.platform)} accepted the push, but no app confirmed within ${lapse(outcome.waitedMs)}, so the phone is probably off or without network, or its system holds the app back.`
  const answer = answers.at(-1)
  if (!answer)
    return `The phone did not ring: the push had no answer when the wait of ${lapse(outcome.waitedMs)} ended, so look at the network to Apple and Google.`
  return `The phone did not ring: ${vendorName(answer.platform)} did not take the push while the wait ran (${answer.reason ?? answer.outcome}), so look at the network to it and at its own state.`
}

function refused(entries: readonly KeptEntry[]): string {
  const answers = of(entries, 'push-answered')
  const refusal = answers.findLast(each => each.outcome === 'refused')
  if (refusal) {
    const meaning = explainRefusal(refusal.reason ?? '')
    return `The phone did not ring, because ${vendorName(refusal.platform)} refused the push (${refusal.reason})${meaning ? `: ${meaning}` : '.'}`
  }
  const gone = answers.findLast(each => each.outcome === 'token-gone')
  const vendor = gone ? vendorName(gone.platform) : 'the vendor'
  return `The phone did not ring, because ${vendor} says that its push token is gone: the app was removed from the phone, or must register again.`
}

function summariseDial(all: readonly KeptEntry[], nowMs: number | undefined): string {
  if (all.length === 0) return ''
  const scene = sceneOf(all)
  // A dial id may be used again; the last call counts.
  const beginsAt = all.findLastIndex(each => each.what === 'job-taken')
  const entries = beginsAt < 0 ? all : all.slice(beginsAt)
  if (entries.every(each => each.what === 'ordered'))
    return 'The call was ordered and waits for an agent: no phone is being called yet.'
  const failure = last(entries, 'failure')
  if (failure?.cause === 'unknown outcome')
    return `Nobody knows whether the phone rang: ${causeWords(failure.cause)}`
  if (failure) return `No phone rang, because the call failed: ${causeWords(failure.cause)}`
  const refusal = entries.findLast(each => each.what === 'job-refused' && !each.isOther) as
    | Of<'job-refused'>
    | undefined
  if (refusal) return `No phone rang, because the job was refused: ${causeWords(refusal.cause)}`
  if (entries.at(-1)?.what === 'job-returned')
    return 'No phone rang yet: the job lies at the head of its list and waits for an agent that can dial it.'
  const hangups = of(entries, 'hangup')
  const unanswered = hangups.find(each => !each.wasAnswered && isWorthTelling(each, hangups))
  if (unanswered)
    return `${capital(legName(unanswered.side, scene))} was called and not answered: ${causeWords(unanswered.cause)}`
  const end = hangups[0]
  if (end) return ended(entries, end, scene)
  return runningSentence(entries, scene, nowMs) ?? 'The switch has the order; no phone is being called yet.'
}

/** A callee's leg that ends because its caller gave up is told with the caller's. */
const isWorthTelling = (hangup: Of<'hangup'>, all: Of<'hangup'>[]): boolean =>
  hangup.side === '0' || hangup.cause !== 'ORIGINATOR_CANCEL' || all.length === 1

function ended(entries: readonly KeptEntry[], end: Of<'hangup'>, scene: Scene): string {
  const answers = of(entries, 'leg').filter(each => each.state === 'answered')
  const lasted = lapse(end.atMs - (answers.at(-1)?.atMs ?? end.atMs))
  const how = howEnded(entries, end, scene)
  const [aLeg, bLeg] = [capital(legName(end.side, scene)), legName('1', scene)]
  if (!scene.isTwoLegged) return `${aLeg} was answered for ${lasted}; ${how}`
  if (answers.some(each => each.side === '1')) return `Both phones were answered, for ${lasted}; ${how}`
  return `${capital(legName('0', scene))} was answered, ${bLeg} was not when the call ended after ${lasted}; ${how}`
}

function howEnded(entries: readonly KeptEntry[], end: Of<'hangup'>, scene: Scene): string {
  const isOrdered = of(entries, 'control').some(each => each.event === 'hangup' && each.atMs <= end.atMs)
  if (isOrdered && isOrdinaryEnd(end.cause)) return 'a hangup message ended the call.'
  if (isOrdinaryEnd(end.cause)) return `${legName(end.side, scene)} hung up first.`
  return `the call ended with ${causeWords(end.cause)}`
}

function of<What extends Entry['what']>(entries: readonly KeptEntry[], what: What): Of<What>[] {
  return entries.filter((each): each is Of<What> => each.what === what)
}

const last = <What extends Entry['what']>(entries: readonly KeptEntry[], what: What): Of<What> | undefined =>
  of(entries, what).at(-1)
