// Before anything is drawn: what this reader chose to see, so that nothing flashes.
"use strict";
try {
  if (localStorage.getItem("civitai-dl-mature") === "shown") {
    document.documentElement.dataset.mature = "shown";
  }
} catch (error) {
  // Storage is forbidden: everything stays blurred until asked for on each page.
}
