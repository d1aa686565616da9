import { expect, test } from "vitest";
import { percentsOf } from "./percents";

test.each([
  ["50, 80, 100", [50, 80, 100]],
  ["100 % 50%", [50, 100]],
  ["80, 80", [80]],
  ["", []],
  ["0", undefined],
  ["1001", undefined],
  ["12.5", undefined],
  ["many", undefined],
  ["1,2,3,4,5,6,7,8,9,10,11", undefined],
])("%j is %j", (text, want) => {
  expect(percentsOf(text)).toEqual(want);
});
