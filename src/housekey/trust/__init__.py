"""This computer's trust stores: system, NSS browsers, Java. One module each, one interface."""
