// Which of some names a person probably means by what they typed, the most likely first.

export function ranked(typed, names) {
  if (!typed) return [...names];
  const wanted = typed.toLowerCase();
  const found = [...names].map((name, order) => ({ name, order, rank: rank(wanted, name.toLowerCase()) }));
  return found
    .filter((entry) => entry.rank < Infinity)
    .sort((one, other) => one.rank - other.rank || one.order - other.order)
    .map((entry) => entry.name);
}

// 0: begins with it, 1: holds it, 2: has its letters in this order, from 3: is this many slips away
function rank(wanted, name) {
  if (name.startsWith(wanted)) return 0;
  if (name.includes(wanted)) return 1;
  if (hasLetters(wanted, name)) return 2;
  const most = Math.max(1, Math.floor(wanted.length / 3));
  const beginnings = [name, name.slice(0, wanted.length), name.slice(0, wanted.length - 1), name.slice(0, wanted.length + 1)];
  const least = Math.min(...beginnings.map((beginning) => slips(wanted, beginning, most)));
  return least <= most ? 2 + least : Infinity;
}

function hasLetters(wanted, name) {
  let at = 0;
  for (const letter of name) if (letter === wanted[at]) at += 1;
  return at === wanted.length;
}

// The Damerau-Levenshtein distance: letters left out, added, replaced, swapped.
function slips(one, other, most) {
  if (Math.abs(one.length - other.length) > most) return Infinity;
  let before = [];
  let above = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let at = 1; at <= other.length; at += 1) {
      const same = one[row - 1] === other[at - 1] ? 0 : 1;
      current[at] = Math.min(above[at] + 1, current[at - 1] + 1, above[at - 1] + same);
      const isSwapped = row > 1 && at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      if (isSwapped) current[at] = Math.min(current[at], before[at - 2] + 1);
    }
    [before, above] = [above, current];
  }
  return above[other.length];
}
