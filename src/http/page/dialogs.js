// The page's questions: the token, whom to ring for a barge, whether to hang up. Each resolves with the answer, or with
// undefined when it was left by Esc or its other button. The browser's own <dialog> keeps and gives back the focus.
import { byId, text } from './dom.js'

const OWN_NUMBER = 'hookswitch-own-number'
const SHOWN_NUMBER = 'hookswitch-shown-number'

/** Asks until there is a token. */
export async function askToken(wasWrong) {
  byId('login-wrong').hidden = !wasWrong
  const field = byId('login-token')
  field.value = ''
  while (!(await answer(byId('login'))) || field.value === '');
  return field.value
}

/** @returns `{ phone_number, caller_id }`. Supervisors barge in again and again: the tab remembers both. */
export async function askBarge(call) {
  text(byId('barge-call'), call.dialId)
  const number = byId('barge-number')
  const shown = byId('barge-caller')
  number.value = sessionStorage.getItem(OWN_NUMBER) ?? ''
  shown.value = sessionStorage.getItem(SHOWN_NUMBER) ?? ''
  if (!(await answer(byId('barge')))) return undefined
  sessionStorage.setItem(OWN_NUMBER, number.value)
  sessionStorage.setItem(SHOWN_NUMBER, shown.value)
  return { phone_number: number.value.trim(), caller_id: shown.value.trim() }
}

export async function confirmHangup({ title, text: words }) {
  text(byId('confirm-title'), title)
  text(byId('confirm-text'), words)
  return answer(byId('confirm'))
}

/** Opens a dialog. @returns whether its main button was pressed. */
function answer(dialog) {
  return new Promise(resolve => {
    const form = dialog.querySelector('form')
    const cancel = dialog.querySelector('.cancel')
    let isMain = false
    const onSubmit = () => {
      isMain = true
    }
    const onCancel = () => dialog.close()
    const onClose = () => {
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
