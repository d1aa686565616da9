/** Reads "50, 80, 100"; undefined when it is no list of at most ten whole per cents from 1 to 1000. Nothing is an empty list. */
export function percentsOf(text: string): number[] | undefined {
  const words = text.split(/[\s,%]+/).filter((w) => w !== "");
  const list = [...new Set(words.map(Number))].sort((a, b) => a - b);
  const good = list.length <= 10 && words.every((w) => /^\d{1,4}$/.test(w)) && list.every((n) => n >= 1 && n <= 1000);
  return good ? list : undefined;
}
