// Makes and updates elements. Whatever comes from outside gets into the page through `textContent` and attributes that
// are no code, so a dial id that looks like HTML is shown as it is.

/** An element with attributes and children. `class`, `data-…`, `aria-…` as they are written in HTML; `on` holds event
 *  listeners; children that are no elements become text. */
export function el(tag, { on = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value)
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener)
  element.append(...children.flat().filter(child => child !== undefined && child !== null))
  return element
}

/** Sets an attribute if its value changes; false and undefined remove it. */
export function attribute(element, name, value) {
  if (value === undefined || value === null || value === false) element.removeAttribute(name)
  else if (element.getAttribute(name) !== String(value))
    element.setAttribute(name, value === true ? '' : String(value))
}

/** Sets an element's text if it changes, so that the browser does not lay an unchanged page out again. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value
}

export const byId = id => document.getElementById(id)

/** Brings a list's items in line with data, each found again by its id: who has the focus keeps it.
 *  @param make makes an item's element once; @param update shows its data, each time. */
export function keyedList(list, { idOf, make, update }) {
  const elements = new Map()
  return items => {
    const ids = new Set(items.map(idOf))
    for (const [id, element] of elements) {
      if (ids.has(id)) continue
      passFocusOn(element)
      element.remove()
      elements.delete(id)
    }
    let place = list.firstElementChild
    for (const item of items) {
      const id = idOf(item)
      let element = elements.get(id)
      if (!element) {
        element = make(item)
        elements.set(id, element)
      }
      if (element === place) place = place.nextElementSibling
      else list.insertBefore(element, place)
      update(element, item)
    }
  }
}

/** Keeps the focus near a row that is removed: otherwise the browser moves it to the beginning of the page. */
function passFocusOn(element) {
  if (!element.contains(document.activeElement)) return
  const other = element.nextElementSibling ?? element.previousElementSibling
  if (other?.matches('[tabindex]')) other.focus({ preventScroll: true })
}

const SVG = 'http://www.w3.org/2000/svg'

/** An SVG element with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}
