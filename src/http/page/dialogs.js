// The page's questions: the token, whom to ring for a barge, whether to hang up. Each resolves with the answer, or with
// undefined when it was left by Esc or its other button. The browser's own <dialog> keeps and gives back the focus.
import { attribute, byId, text } from './dom.js'
import { note } from './notes.js'

const OWN_NUMBER = 'hookswitch-own-number'
const SHOWN_NUMBER = 'hookswitch-shown-number'

/** Asks until the person gives a token. */
export async function askToken(wasWrong) {
  byId('login-wrong').hidden = !wasWrong
  const field = byId('login-token')
  field.value = ''
  while (!(await answer(byId('login'))) || field.value === '');
  return field.value
}

/** Asks whom to ring, and has that phone rung. The dialog shows a mistake, and keeps what was typed. The tab remembers both
 *  numbers, because supervisors barge in again and again.
 *  @param run gets `{ phone_number, caller_id }`; resolves with undefined when the phone rings, else with
 *  `{ words, field }`: why it does not, and the field with the mistake, if one has it. */
export async function askBarge(call, run) {
  text(byId('barge-call'), call.dialId)
  const fields = { phone_number: byId('barge-number'), caller_id: byId('barge-caller') }
  fields.phone_number.value = sessionStorage.getItem(OWN_NUMBER) ?? ''
  fields.caller_id.value = sessionStorage.getItem(SHOWN_NUMBER) ?? ''
  const showMistake = ({ words = '', field } = {}) => {
    const wrong = byId('barge-wrong')
    wrong.hidden = words === ''
    // The message names the field as its label does.
    text(
      wrong,
      words.replace(field, () => `“${fields[field].labels[0].textContent}”`),
    )
    for (const [name, each] of Object.entries(fields))
      attribute(each, 'aria-invalid', name === field && 'true')
    fields[field]?.focus()
  }
  showMistake()
  await answer(byId('barge'), async isLeft => {
    const order = { phone_number: fields.phone_number.value.trim(), caller_id: fields.caller_id.value.trim() }
    const mistake = await run(order)
    if (isLeft()) {
      if (mistake) note('bad', `${call.dialId}: ${mistake.words}`)
      return true
    }
    showMistake(mistake)
    if (mistake) return false
    sessionStorage.setItem(OWN_NUMBER, order.phone_number)
    sessionStorage.setItem(SHOWN_NUMBER, order.caller_id)
    return true
  })
}

export async function confirmHangup({ title, text: words }) {
  text(byId('confirm-title'), title)
  text(byId('confirm-text'), words)
  return answer(byId('confirm'))
}

/** Opens a dialog. @param run what the main button does, while it can't be pressed again; the dialog stays open when it
 *  resolves with false, and is told whether it was left meanwhile. @returns whether the main button was pressed, and
 *  that done. */
function answer(dialog, run) {
  return new Promise(resolve => {
    const form = dialog.querySelector('form')
    const cancel = dialog.querySelector('.cancel')
    const main = form.querySelector('[type=submit]')
    let isMain = false
    let isOver = false
    const onSubmit = async event => {
      isMain = run === undefined
      if (isMain) return
      event.preventDefault()
      if (main.disabled) return
      main.disabled = true
      const isDone = await run(() => isOver).finally(() => {
        main.disabled = false
      })
      if (!isDone || isOver) return
      isMain = true
      dialog.close()
    }
    const onCancel = () => dialog.close()
    const onClose = () => {
      isOver = true
      form.removeEventListener('submit', onSubmit)
      cancel?.removeEventListener('click', onCancel)
      resolve(isMain)
    }
    form.addEventListener('submit', onSubmit)
    cancel?.addEventListener('click', onCancel)
    dialog.addEventListener('close', onClose, { once: true })
    dialog.showModal()
  })
}
