// A list that shows its first rows, as many as fit on a screen, until the person unfolds the rest; and the words that
// filter it. The caller puts the rows in order.
import { byId, text } from './dom.js'
import { count, whole } from './format.js'

const NARROW = '(max-width: 40rem)'

/** Puts a fold below a list.
 *  @param id of the list; its fold is the button `<id>-fold`. @param room rows that are shown: `wide`, `narrow`.
 *  @returns what takes all items and shows those that are to be shown. */
export function foldedList(id, room, show, onChange) {
  const fold = byId(`${id}-fold`)
  const narrow = matchMedia(NARROW)
  let isOpen = false
  fold.addEventListener('click', () => {
    isOpen = !isOpen
    onChange()
  })
  narrow.addEventListener('change', onChange)
  return items => {
    const most = narrow.matches ? room.narrow : room.wide
    show(isOpen ? items : items.slice(0, most))
    fold.hidden = items.length <= most
    fold.setAttribute('aria-expanded', String(isOpen))
    text(fold, isOpen ? `Show the first ${most}` : `Show all ${whole(items.length)}`)
  }
}

/** Follows a filter: a field for words, and a choice of states. It is shown where there is something to choose from.
 *  @param id of the list; the form is `<id>-filter`.
 *  @returns `matches(words, state)`, `apply(text)`, `show(total, found)`. */
export function filterOf(id, { most, noun, onChange }) {
  const form = byId(`${id}-filter`)
  const field = form.querySelector('input')
  const choice = form.querySelector('select')
  const found = form.querySelector('.found')
  form.addEventListener('submit', event => event.preventDefault())
  for (const event of ['input', 'change', 'reset']) form.addEventListener(event, () => setTimeout(onChange))
  const isActive = () => field.value.trim() !== '' || choice.value !== ''
  return {
    /** Whether all words stand somewhere in the texts, and the state is the chosen one. */
    matches(texts, states) {
      const wanted = field.value.toLowerCase().split(/\s+/).filter(Boolean)
      const given = texts.filter(Boolean).map(each => each.toLowerCase())
      if (choice.value !== '' && !states.includes(choice.value)) return false
      return wanted.every(word => given.some(each => each.includes(word) || isMaskedAs(each, word)))
    },

    /** Filters by a word of the page that was clicked. */
    apply(word) {
      field.value = word
      form.hidden = false
      field.focus()
      onChange()
    },

    show(total, matching) {
      form.hidden = total <= most && !isActive()
      text(found, isActive() ? `${whole(matching)} of ${count(total, noun)}` : '')
    },
  }
}

/** A whole number finds the one that is shown by its last digits. */
const isMaskedAs = (shown, word) =>
  /^\+?\d{4,}$/.test(word) && shown.startsWith('…') && word.endsWith(shown.slice(1))
