"""Print the hash of every vintage, as `market/catalogue/observed/vintages/hashes.csv` keeps them."""

from market.catalogue.vintages.hashes import STARTS, hash_of

print("start,vintage,sha256")
for start in STARTS:
    for is_strict in (False, True):
        print(f"{start},{'strict' if is_strict else 'revised'},{hash_of(start, is_strict)}")
