from tests.own.test_install import *
def test_x(place, ca):
    first = ca.sign(place.request(), days=(-300, 30))
    assert install(place, ca, first).code == 0
    print(place.about_home("renew",json=False))
    assert 0
