"""tmp"""
from tests.own.authorities import *
def test_x(place):
    r = place.request()
    print(r)
    s = by_openssl(place.folder/"ca", place.csr)
    before=place.files()
    e = place.secure("--install", s.root, s.leaf, *s.between, json=False)
    print(e)
    assert e.code==0
    print(place.secure(json=False))
    print(place.about_home("renew",json=False)); print(place.run("status",json=False)); print(place.run("house","check",json=False))
    u=place.about_home("undo",json=False); print(u)
    assert place.files()==before
    assert 0
